// Which prompts are visible, and how to reach those that are not; and a live region for screen readers.

const SETTLE = 300; // milliseconds: re-rendered elements are invisible for a moment

export function openChats({ api, prompts }) {
    const visible = new Set();
    let timer;

    const page = () => document.querySelector('converse-root') ?? document.body;

    /** The tray and the live region are next to Converse's own elements, which it does not re-render. */
    function stand(name, make) {
        return document.querySelector(name) ?? page().appendChild(make());
    }

    prompts.addEventListener('news', ({ detail }) => {
        const live = stand('.tocsin-live', () => Object.assign(document.createElement('div'), { className: 'tocsin-live', role: 'status' }));
        live.textContent = detail;
    });
    prompts.addEventListener('change', () => redraw());

    function redraw() {
        clearTimeout(timer);
        timer = setTimeout(() => stand('tocsin-tray', () => document.createElement('tocsin-tray')).draw(), SETTLE);
    }

    return {
        sees: (id) => visible.has(id),

        seen(id, is) {
            visible[is ? 'add' : 'delete'](id);
            redraw();
        },

        /** Opens a chat with a text to be sent in its composer. */
        async compose(jid, text) {
            const chat = await api.chats.open(jid, { bring_to_foreground: true }, true);
            chat.save({ draft: text });
        },

        /** Opens the conversation and brings the banner into view. */
        async show(prompt, message) {
            await api.chats.open(prompt.with, { bring_to_foreground: true }, true);
            const find = () => document.querySelector(`.chat-msg[data-msgid="${CSS.escape(message.get('msgid'))}"] tocsin-banner`);
            for (let i = 0; i < 20 && !find(); i++) await new Promise((r) => setTimeout(r, 100));
            find()?.scrollIntoView({ block: 'nearest' });
            find()?.querySelector('a, button, input')?.focus();
        },
    };
}
