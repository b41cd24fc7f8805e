// The plugin against a scripted service, on a real server: what the real one does rarely, and what nobody may do.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open, stage } from './browser.js';
import { escalate, escape } from './component.js';
import { NS, alice, arrive, prompt, prompted, service, shared } from './scripted.js';

test('a message is sent, delivered, not read in time; an SMS is composed and answered', async () => {
    const a = shared;
    const id = await a.say('The pump has failed');
    await a.sees(id, 'sent');
    service.status(alice, { id, seq: 1, state: 'pending' });
    service.status(alice, { id, seq: 2, state: 'delivered', basis: 'receipt' });
    await a.sees(id, 'delivered');
    service.status(alice, { id, seq: 3, state: 'timeout-unread', basis: 'timer' });
    await a.sees(id, 'timeout-unread');
    prompt(a.full, { id });
    await a.hears(/Bob has not read this message/);

    await a.click(id, 'open');
    await service.expect(/<answer [^>]*claim/);
    assert.deepEqual(await a.follows(1), ['sms:+8613800138000?body=alice%20wrote%3A%20the%20pump%20has%20failed']);
    await a.click(id, 'yes-sent');
    await service.expect(/<answer [^>]*action=['"]sent/);
    await a.banner(id).waitFor({ state: 'detached' });
    service.status(alice, { id, seq: 4, state: 'escalated' });
    await a.sees(id, 'escalated');

    const history = a.message(id).locator('.tocsin-history');
    await a.message(id).locator('.tocsin-state').focus();
    assert.match(await history.innerText(), /Sent[\s\S]*Delivered their device confirmed it[\s\S]*Not read in time the time was up[\s\S]*Told by SMS/);
});

test('a message that is late can be sent as an SMS at once, when nothing asks about it', async () => {
    const a = shared;
    const [id, name] = await prompted(a, { message: 'Now, please' });
    const now = a.message(id).locator('[data-action=now]');
    assert.equal(await now.count(), 0); // the banner is there
    service.withdraw(a.full, name, 'expired');
    await now.click();
    const form = await service.expect(/#escalate[\s\S]*submit/);
    assert.match(form, new RegExp(`<value>${id}</value>`));
    assert.match(form, /<value>bob@example.org<\/value>/);
    prompt(a.full, { id });
    await a.banner(id).waitFor();
    assert.equal(await now.count(), 0);
});

test('urgent says how much sooner, as the service tells', async () => {
    const hint = await shared.page.locator('select.tocsin-urgency option[value=urgent]').getAttribute('title');
    assert.match(hint, /after 2 min/);
});

test('the service is told what the client can do', async () => {
    const a = shared;
    service.send(`<iq type='get' id='who' from='${stage.component.jid}' to='${a.full}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`);
    const info = await service.expect(/^<iq [^>]*id=['"]who/);
    for (const feature of [NS, `${NS}#sms`]) assert.match(info, new RegExp(`var=['"]${feature}['"]`));
});

test('what is asked of the recipient, and of the service', async () => {
    const a = shared;
    for (const [urgency, hint] of [[undefined, /priority="normal"/], ['urgent', /priority="urgent"/], ['none', /until="none"/]]) {
        const text = `hint ${urgency}`;
        const id = await a.say(text, urgency);
        const stanza = a.stanza(text);
        assert.match(stanza, /<request xmlns="urn:xmpp:receipts"/);
        assert.match(stanza, /<markable xmlns="urn:xmpp:chat-markers:0"/);
        const [track, ...more] = stanza.match(/<track [^>]*>/g);
        assert.match(track, hint);
        assert.deepEqual(more, []);
        await a.sees(id, urgency === 'none' ? 'unwatched' : 'sent');
        // Urgent is for one message only.
        assert.equal(await a.page.locator('select.tocsin-urgency').inputValue(), urgency === 'none' ? 'none' : 'normal');
    }
    await a.page.locator('select.tocsin-urgency').selectOption('normal');
});

test('a read message needs no SMS: withdrawn by the service, or seen by this client', async () => {
    const a = shared;
    const [first, name] = await prompted(a);
    service.withdraw(a.full, name, 'displayed');
    await a.banner(first).waitFor({ state: 'detached' });
    await a.hears(/Bob has read it/);
    prompt(a.full, { prompt: name, id: first }); // late: it is over
    await a.seesNoBanner();

    const [second] = await prompted(a, { message: 'The spare pump too' });
    const third = await a.say('And the valve');
    const b = await open('bob', { plugin: 'off' });
    await b.sends(`<message xmlns='jabber:client' to='${alice}' type='chat' id='marker-1'><displayed xmlns='urn:xmpp:chat-markers:0' id='${third}'/></message>`);
    await a.sees(third, 'displayed');
    await a.sees(second, 'displayed'); // a marker covers what was sent before
    await a.seesNoBanner();
    await b.close();
});

test('what a contact sends changes nothing', async () => {
    const a = shared;
    const id = await a.say('The pump has failed');
    service.status(alice, { id, seq: 1, state: 'pending' });
    service.status(alice, { id, seq: 2, state: 'delivered', basis: 'receipt' });
    await a.sees(id, 'delivered');
    const name = prompt(a.full, { id, text: 'the true text' });
    await a.banner(id).waitFor();

    const eve = await open('eve', { plugin: 'off' });
    const status = `<status xmlns='${NS}' id='${id}' with='bob@example.org' seq='9' state='displayed' stamp='2026-11-24T02:00:00Z' basis='marker'/>`;
    const evil = escalate({ prompt: 'p-evil', id, number: '+19005550199', text: 'call me' });
    const changed = escalate({ prompt: name, id, number: '+19005550199', text: 'call me' });
    const withdraw = `<withdraw xmlns='${NS}' prompt='${name}' reason='displayed'/>`;
    const inner = (payload) => `<message xmlns='jabber:client' from='sms@${stage.component.jid}' to='${alice}' type='chat' id='in'>${payload}<body>x</body></message>`;
    const forward = (payload) => `<forwarded xmlns='urn:xmpp:forward:0'>${inner(payload)}</forwarded>`;
    for (const payload of [status, `<statuses xmlns='${NS}'>${status}</statuses>`, evil, changed, withdraw,
        `<replace xmlns='urn:xmpp:message-correct:0' id='${name}'/>`]) {
        for (const type of ['chat', 'headline', 'normal']) {
            for (const to of [alice, a.full]) {
                await eve.sends(`<message xmlns='jabber:client' to='${to}' type='${type}' id='evil'>${payload}<body>look</body></message>`);
            }
        }
        // As a carbon copy, as from the archive, merely forwarded.
        await eve.sends(`<message xmlns='jabber:client' to='${a.full}'><received xmlns='urn:xmpp:carbons:2'>${forward(payload)}</received></message>`);
        await eve.sends(`<message xmlns='jabber:client' to='${a.full}'><result xmlns='urn:xmpp:mam:2' id='1' queryid='1'>${forward(payload)}</result></message>`);
        await eve.sends(`<message xmlns='jabber:client' to='${a.full}' type='chat'>${forward(payload)}</message>`);
    }
    // A receipt and a marker of hers are about her conversation, not Bob's.
    await eve.sends(`<message xmlns='jabber:client' to='${alice}' type='chat' id='evil-m'><displayed xmlns='urn:xmpp:chat-markers:0' id='${id}'/></message>`);
    await eve.sends(`<message xmlns='jabber:client' to='${alice}' type='chat' id='evil-end'><body>the last word</body></message>`);
    await a.page.waitForFunction((jid) => window._converse.state.chatboxes.get(jid)?.messages.models.some((m) => m.get('body') === 'the last word'), 'eve@example.org');

    await a.sees(id, 'delivered');
    assert.equal(await a.page.locator('.tocsin-banner').count(), 1);
    assert.equal(await a.banner(id).locator('textarea').inputValue(), 'the true text');
    assert.equal(await a.banner(id).locator('input').inputValue(), '+8613800138000');
    assert.equal(await a.page.locator('[href*="9005550199"]').count(), 0);
    await eve.close();
});

test('only sms: and tel: URIs, and all text as text', async () => {
    const a = shared;
    const text = '<img src=x onerror="window.owned=1"><b>bold</b> & more';
    const [id, name] = await prompted(a, { message: 'mind the gap', number: '' });
    // Without a number, one is asked for; what is no number opens nothing.
    assert.ok(await a.banner(id).locator('[data-action="open"]').isDisabled());
    await a.banner(id).locator('input').fill('javascript:alert(1)');
    assert.ok(await a.banner(id).locator('[data-action="open"]').isDisabled());
    for (const uri of ['javascript:alert(1)', 'http://example.org/', 'sms:+1?body=a&subject=b', 'sms:+8613800138000,110']) {
        service.contact(a.full, `<escalate xmlns='${NS}' prompt='${name}' id='${id}' with='bob@example.org' reason='timeout'><number uri='${escape(uri)}'/><text>${escape(text)}</text><sms uri='${escape(uri)}'/></escalate>`);
    }
    await a.page.waitForFunction((t) => document.querySelector('.tocsin-banner textarea')?.value === t, text);
    assert.equal(await a.page.locator('.tocsin-banner a, .tocsin-banner img').count(), 0);
    await a.banner(id).locator('input').fill('+86 138 0013 8000');
    assert.equal(await a.banner(id).locator('a[data-action="open"]').getAttribute('href'), `sms:+8613800138000?body=${encodeURIComponent(text)}`);
    assert.equal(await a.page.evaluate(() => window.owned), undefined);
});

test('a chat by the gateway that the user has named', async () => {
    const a = shared;
    const [id] = await prompted(a, { message: 'by the gateway', via: 'xmpp:+8613800138000@cheogram.com?message;type=chat;body=x' });
    const chat = a.banner(id).locator('[data-action="chat"]');
    assert.equal(await chat.innerText(), 'Chat via cheogram.com');
    await a.banner(id).locator('input').fill('110');
    assert.equal(await chat.count(), 0, 'a gateway knows no local number');
    await a.banner(id).locator('input').fill('+86 139 0013 9000');
    const text = 'Call <me> & hurry; now';
    await a.banner(id).locator('textarea').fill(text);
    assert.equal(await chat.getAttribute('href'), `xmpp:+8613900139000@cheogram.com?message;type=chat;body=${encodeURIComponent(text)}`);
    await chat.click();
    await service.expect(/<answer [^>]*claim/);
    await a.page.waitForFunction((t) => document.querySelector('textarea.chat-textarea')?.value === t
        && window._converse.state.chatboxes.get('+8613900139000@cheogram.com') && !window._converse.state.chatboxes.get('+8613900139000@cheogram.com').get('hidden'), text);
    assert.equal(a.stanza('hurry; now'), undefined, 'the user sends it');
    await a.page.evaluate(() => window._converse.state.chatboxes.get('+8613900139000@cheogram.com').close());
    await a.chat();
    await a.click(id, 'yes-sent');
    await service.expect(/<answer [^>]*action=['"]sent/);

    // Of another number, or no number at all.
    const next = await a.say('by no gateway');
    service.status(alice, { id: next, seq: 1, state: 'timeout-unread', basis: 'timer' });
    for (const via of ['xmpp:+19005550199@cheogram.com?message;type=chat', 'xmpp:eve@example.org?message;type=chat', 'javascript:alert(1)']) {
        const name = prompt(a.full, { id: next, via, text: via });
        await a.page.waitForFunction((t) => document.querySelector('.tocsin-banner textarea')?.value === t, via);
        assert.equal(await a.banner(next).locator('[data-action="chat"]').count(), 0, via);
        service.withdraw(a.full, name, 'expired');
        await a.banner(next).waitFor({ state: 'detached' });
    }
});

test('the text can be changed; its segments are counted; it survives what comes meanwhile', async () => {
    const a = shared;
    const [id, name] = await prompted(a);
    const text = a.banner(id).locator('textarea');
    const count = a.banner(id).locator('small');
    assert.equal(await count.innerText(), '1 SMS, 128 characters left');
    await text.fill('水泵坏了');
    assert.equal(await count.innerText(), '1 SMS (Unicode), 66 characters left');
    await text.fill('a'.repeat(161));
    assert.equal(await count.innerText(), '2 SMS, 145 characters left');
    await text.fill('See you');

    // A further message joins the prompt: the banner moves there, and keeps what was typed.
    const second = await a.say('Hello?');
    prompt(a.full, { prompt: name, id, also: [second] });
    await a.banner(second).waitFor();
    await a.banner(id).waitFor({ state: 'detached' });
    assert.match(await a.banner(second).innerText(), /Bob has not read 2 of your messages/);
    // The message changes while the user types: the caret stays where it was.
    await a.banner(second).locator('textarea').focus();
    await a.page.keyboard.press('End');
    await a.page.keyboard.type(' at');
    service.status(alice, { id: second, seq: 1, state: 'delivered', basis: 'receipt' });
    await a.sees(second, 'delivered');
    await a.page.waitForFunction(() => document.activeElement.matches('.tocsin-banner textarea'));
    await a.page.keyboard.type(' ten');
    assert.equal(await a.banner(second).locator('textarea').inputValue(), 'See you at ten');
    assert.equal(await a.banner(second).locator('a').getAttribute('href'), 'sms:+8613800138000?body=See%20you%20at%20ten');
    await a.click(second, 'copy');
    await a.hears(/Copied/);
    assert.equal(await a.page.evaluate(() => navigator.clipboard.readText()), 'See you at ten');
});

test('the service sends the SMS, with the text that was typed', async () => {
    const a = shared;
    const [id, name] = await prompted(a, { sends: true });
    const send = a.banner(id).locator('[data-action="send"]');
    await a.banner(id).locator('input').fill('+8613900139000');
    assert.ok(await send.isDisabled(), 'the service knows no number but its own');
    await a.banner(id).locator('input').fill('+86 138 0013 8000');
    await a.banner(id).locator('textarea').fill('Call <me> & hurry');
    await send.click();
    const answer = await service.expect(/<answer [^>]*action=['"]send/);
    assert.match(answer, /<text>Call &lt;me> &amp; hurry<\/text>|<text>Call &lt;me&gt; &amp; hurry<\/text>/);
    await a.banner(id).getByText('The service is sending the SMS').waitFor();
    assert.equal(await a.banner(id).locator('button, a').count(), 0);
    service.status(alice, { id, seq: 3, state: 'escalated', basis: 'sms', sms: 'sent' });
    service.withdraw(a.full, name, 'answered');
    await a.sees(id, 'escalated');
    await a.seesNoBanner();
    // It does not arrive: Alice is asked again, about a message that seemed to be settled.
    service.status(alice, { id, seq: 4, state: 'escalated', basis: 'sms', sms: 'failed' });
    await a.sees(id, 'sms-failed');
    prompt(a.full, { id, sends: true, tried: 'failed' });
    await a.banner(id).getByText('An SMS by the service did not arrive.').waitFor();
    service.forget();
    await a.click(id, 'send'); // the text is the service's own
    assert.doesNotMatch(await service.expect(/<answer [^>]*action=['"]send/), /<text>/);
});

test('a service that can not send the SMS leaves it to the user', async () => {
    const a = shared;
    service.faults.send = `<not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>`;
    const [id] = await prompted(a, { sends: true });
    await a.click(id, 'send');
    await a.banner(id).getByText('Please send it yourself').waitFor();
    assert.equal(await a.banner(id).locator('[data-action="send"]').count(), 0);
    assert.equal(await a.banner(id).locator('a[data-action="open"]').count(), 1);
});

for (const [button, action] of [['told', 'sent'], ['dont', 'declined']]) {
    test(`"${button}" answers ${action}, once and for all`, async () => {
        const a = shared;
        const [id, name] = await prompted(a);
        await a.click(id, button);
        await service.expect(new RegExp(`<answer [^>]*action=['"]${action}`));
        await a.banner(id).waitFor({ state: 'detached' });
        prompt(a.full, { prompt: name, id });
        await a.seesNoBanner();
    });
}

test('"not now" comes back when the service says so', async () => {
    const a = await arrive({ settings: { tocsin_snooze: 90 } });
    const [id, name] = await prompted(a);
    await a.click(id, 'later');
    assert.match(await service.expect(/<answer [^>]*snooze/), /for=['"]90/);
    await a.banner(id).waitFor({ state: 'detached' });
    service.withdraw(a.full, name, 'snoozed');
    await a.seesNoBanner();
    prompt(a.full, { prompt: name, id });
    await a.banner(id).waitFor();
    await a.close();
});

for (const [why, error, sentence] of [
    ['another device has it', `<conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>`, /Another of your devices/],
    ['it is read meanwhile', `<not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><already-displayed xmlns='${NS}'/>`, /Bob has read it/],
    ['it has expired', `<gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><expired xmlns='${NS}'/>`, /has expired/],
    ['nobody knows it', `<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>`, /No longer needed/],
]) {
    test(`no SMS is opened when ${why}`, async () => {
        const a = shared;
        service.faults.claim = error;
        const [id] = await prompted(a);
        await a.click(id, 'open');
        await a.banner(id).waitFor({ state: 'detached' });
        await a.hears(sentence);
        assert.deepEqual(await a.followed(), []);
    });
}

test('a busy service is asked again; a silent one keeps nobody from sending', async () => {
    const a = await arrive();
    service.faults.claim = `<resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>`;
    const [id] = await prompted(a);
    await a.click(id, 'open');
    await a.banner(id).getByText('The service is busy').waitFor();
    assert.deepEqual(await a.followed(), []);
    await a.page.evaluate(() => window._converse.api.settings.set('stanza_timeout', 1000));
    service.faults.claim = 'silence';
    await a.click(id, 'open');
    await a.banner(id).getByText('The service does not answer').waitFor({ timeout: 30_000 });
    await a.click(id, 'open-again');
    assert.equal((await a.follows(1)).length, 1);
    await a.close();
});

test('a prompt that is a test says so', async () => {
    const a = shared;
    prompt(a.full, { id: 'nobody-wrote-it', of: 'alice@example.org', test: true });
    const tray = a.page.locator('.tocsin-tray');
    await tray.getByRole('button', { name: 'Show' }).click();
    assert.match(await tray.innerText(), /A test by the admin: there is no such message\./);
    await tray.locator('[data-action="dont"]').click();
    await service.expect(/<answer [^>]*declined/);
    await tray.waitFor({ state: 'detached' });
});

test('a prompt about a message that is not here is shown all the same', async () => {
    const a = shared;
    prompt(a.full, { id: 'sent-by-a-phone', of: 'eve@example.org' });
    const tray = a.page.locator('.tocsin-tray');
    await tray.getByRole('button', { name: 'Show' }).click();
    assert.match(await tray.innerText(), /Eve has not read this message/);
    await a.picture('tray');
    await tray.locator('[data-action="dont"]').click();
    await service.expect(/<answer [^>]*declined/);
    await tray.waitFor({ state: 'detached' });
});

test('the SMS screen: a QR code on a desktop', async () => {
    const a = shared;
    const [id, name] = await prompted(a);
    await a.click(id, 'compose');
    await service.expect(/<answer [^>]*claim/);
    const dialog = a.page.getByRole('dialog', { name: 'SMS to Bob' });
    const code = dialog.getByRole('img', { name: 'QR code' });
    assert.equal(await code.getAttribute('data-uri'), 'sms:+8613800138000?body=alice%20wrote%3A%20the%20pump%20has%20failed');
    await dialog.locator('textarea').fill('短信 '.repeat(80));
    await dialog.getByText('too long for a QR code').waitFor();
    assert.equal(await code.getAttribute('data-uri'), 'sms:+8613800138000');
    await dialog.locator('textarea').fill('Shorter');
    await a.page.waitForFunction(() => document.querySelector('dialog img')?.dataset.uri === 'sms:+8613800138000?body=Shorter');
    await dialog.locator('[data-action="yes-sent"]').click();
    await service.expect(/<answer [^>]*action=['"]sent/);
    await dialog.waitFor({ state: 'detached' });
});

test('the SMS screen closes when the message is read', async () => {
    const a = shared;
    const [id, name] = await prompted(a);
    await a.click(id, 'compose');
    const dialog = a.page.getByRole('dialog');
    await dialog.waitFor();
    service.withdraw(a.full, name, 'displayed');
    await dialog.waitFor({ state: 'detached' });
    await a.seesNoBanner();
});

test('by keyboard alone', async () => {
    const a = shared;
    const [id] = await prompted(a);
    await a.banner(id).locator('input').focus();
    const reached = [];
    for (let i = 0; i < 7; i++) {
        await a.page.keyboard.press('Tab');
        reached.push(await a.page.evaluate(() => document.activeElement.dataset.action ?? document.activeElement.localName));
    }
    assert.deepEqual(reached, ['textarea', 'open', 'compose', 'copy', 'told', 'later', 'dont']);
    await a.banner(id).locator('[data-action="open"]').focus();
    await a.page.keyboard.press('Enter');
    assert.equal((await a.follows(1)).length, 1);
});

test('in Chinese', async () => {
    const a = await arrive({ locale: 'zh-CN' });
    const [id] = await prompted(a, { text: '水泵坏了' });
    await a.sees(id, 'timeout-unread');
    assert.match(await a.message(id).locator('.tocsin-state').innerText(), /未按时阅读/);
    const banner = await a.banner(id).innerText();
    assert.match(banner, /Bob 还没有阅读这条消息。\s*改发短信吗？/);
    assert.match(banner, /打开短信应用/);
    await a.hears(/建议改发短信/);
    assert.equal(await a.banner(id).locator('a').getAttribute('href'), 'sms:+8613800138000?body=%E6%B0%B4%E6%B3%B5%E5%9D%8F%E4%BA%86');
    await a.close();
});
