// What the page around the two clients says.

export const texts = {
    en: {
        playground: 'playground',
        lead: 'Alice writes to Bob. If Bob’s client does not confirm in time, Alice is asked whether to send an SMS.',
        alice: 'writes; below each of her messages stands how far it has come',
        confirms: 'Bob’s client confirms',
        nothing: 'nothing', receipts: 'receipt', markers: 'receipt and reading',
        line: 'Timeline',
        empty: 'Write something as Alice, and watch it here.',
        sms: 'SMS to {number}', dismiss: 'Close',
        sent: 'sent', delivered: 'delivered', displayed: 'read', failed: 'not delivered', cancelled: 'cancelled', unknown: 'nothing expected',
        'timeout-undelivered': 'not delivered in time', 'timeout-unread': 'not read in time', timeout: 'not confirmed in time',
        escalated: 'told by SMS', due: 'overdue then', asked: 'Alice is asked',
    },
    zh: {
        playground: '试验场',
        lead: 'Alice 给 Bob 写消息。如果 Bob 的客户端没有按时确认，Alice 会被询问是否改发短信。',
        alice: '写消息；每条消息下方显示它走到了哪一步',
        confirms: 'Bob 的客户端确认',
        nothing: '什么都不', receipts: '送达', markers: '送达和已读',
        line: '时间线',
        empty: '用 Alice 写点什么，这里就会画出来。',
        sms: '发往 {number} 的短信', dismiss: '关闭',
        sent: '已发送', delivered: '已送达', displayed: '已读', failed: '未能送达', cancelled: '已取消', unknown: '不会有回执',
        'timeout-undelivered': '未按时送达', 'timeout-unread': '未按时阅读', timeout: '未按时确认',
        escalated: '已用短信告知', due: '到此即逾期', asked: '询问 Alice',
    },
};
