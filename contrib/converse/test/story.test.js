// The story that Tocsin is for, told by two people in their browsers, with the real service and a real server.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { arrive, launch, open, quit, stage } from './browser.js';

const number = '+8613800138000';

before(launch);
after(quit);

const wrote = (text) => `sms:${number}?body=${encodeURIComponent(`alice@example.org wrote on example.org: ${text}`)}`;

/** Waits until so many timeouts of a kind have been counted by the service. */
async function timeouts(kind, count) {
    for (;;) {
        const text = await (await fetch(stage.metrics)).text();
        const sample = text.split('\n').find((l) => l.startsWith('tocsin_timeouts_total') && l.includes(`"${kind}"`));
        const now = Number(sample?.split(' ').pop() ?? 0);
        if (count === undefined) return now;
        if (now >= count) return now;
        await new Promise((r) => setTimeout(r, 100));
    }
}

test('sent, delivered, not read in time, told by SMS, read after all', async () => {
    const alice = await arrive('alice');
    const bob = await arrive('bob', { confirms: 'receipts' });
    await alice.chat('bob');
    const id = await alice.say('The pump in hall 3 has failed');
    await alice.sees(id, 'delivered');
    await alice.sees(id, 'timeout-unread');
    await alice.banner(id).waitFor();
    await alice.picture('banner');
    await alice.click(id, 'open');
    assert.deepEqual(await alice.follows(1), [wrote('The pump in hall 3 has failed')]);
    await alice.click(id, 'yes-sent');
    await alice.sees(id, 'escalated');
    await alice.seesNoBanner();

    await bob.sends(`<message xmlns='jabber:client' to='alice@example.org' type='chat' id='late'><displayed xmlns='urn:xmpp:chat-markers:0' id='${id}'/></message>`);
    await alice.sees(id, 'displayed');
    await alice.message(id).locator('.tocsin-state').hover();
    await alice.picture('history');
    await bob.close();
    await alice.close();
});

test('a late reading takes the banner away', async () => {
    const alice = await arrive('alice');
    const bob = await arrive('bob', { confirms: 'receipts' });
    await alice.chat('bob');
    const id = await alice.say('Are you there?');
    await alice.banner(id).waitFor();
    await bob.close();
    const again = await arrive('bob', { confirms: 'markers' }); // now Bob looks
    await again.chat('alice');
    const answer = await again.say('Yes');
    assert.ok(answer);
    await alice.sees(id, 'displayed');
    await alice.seesNoBanner();
    await again.close();
    await alice.close();
});

test('read in time: nobody is asked', async () => {
    const alice = await arrive('alice');
    const bob = await arrive('bob', { confirms: 'markers' });
    await bob.chat('alice');
    await alice.chat('bob');
    const before = await timeouts('unread');
    const id = await alice.say('Lunch?');
    await alice.sees(id, 'displayed');
    await alice.seesNoBanner();
    assert.equal(await timeouts('unread'), before);
    await bob.close();
    await alice.close();
});

test('Alice is offline when the time is up: she is told at her next login', async () => {
    const alice = await arrive('alice');
    await alice.chat('bob');
    const before = await timeouts('undelivered');
    const id = await alice.say('Call me when you land');
    await alice.sees(id, 'sent');
    await alice.page.evaluate(() => window._converse.api.connection.disconnect());
    await alice.page.close();
    await timeouts('undelivered', before + 1);
    const later = await arrive('alice', { context: alice.context });
    await later.chat('bob');
    await later.sees(id, 'timeout-undelivered');
    await later.banner(id).waitFor();
    await later.click(id, 'dont');
    await later.seesNoBanner();
    await later.close();
});

test('a reload, two tabs, another device', async () => {
    const alice = await arrive('alice');
    await alice.chat('bob');
    const id = await alice.say('The spare pump too');
    await alice.banner(id).waitFor();
    await alice.reload();
    await alice.chat('bob');
    await alice.banner(id).waitFor();

    const tab = await arrive('alice', { context: alice.context });
    await tab.chat('bob');
    await tab.banner(id).waitFor();
    const phone = await arrive('alice', { phone: true, width: 390, height: 760 }); // knows the message from the archive only
    await phone.chat('bob');
    await phone.banner(id).waitFor();
    await phone.sees(id, 'timeout-undelivered');
    await phone.picture('phone');
    await phone.click(id, 'open');
    await phone.follows(1);
    await alice.banner(id).waitFor({ state: 'detached' });
    await tab.banner(id).waitFor({ state: 'detached' });
    await phone.click(id, 'yes-sent');
    for (const client of [phone, tab, alice]) {
        await client.sees(id, 'escalated');
        await client.seesNoBanner();
    }
    await alice.reload();
    await alice.chat('bob');
    await alice.sees(id, 'escalated');
    await alice.seesNoBanner(); // the archive brings nothing back
    await phone.close();
    await tab.close();
    await alice.close();
});

test('urgent is asked about sooner; "don’t watch" is not watched', async () => {
    const alice = await arrive('alice');
    await alice.chat('bob');
    const quiet = await alice.say('No hurry', 'none');
    const urgent = await alice.say('The boiler leaks', 'urgent');
    await alice.banner(urgent).waitFor();
    assert.match(await alice.banner(urgent).getAttribute('class'), /tocsin-urgent/);
    await alice.picture('urgent');
    await alice.sees(quiet, 'unwatched');
    await alice.click(urgent, 'dont');
    await alice.close();
});

test('Eve changes nothing', async () => {
    const alice = await arrive('alice');
    const eve = await open('eve', { plugin: 'off' });
    await alice.chat('bob');
    const id = await alice.say('Are you in?');
    await alice.sees(id, 'timeout-undelivered');
    await alice.banner(id).waitFor();
    const ns = 'urn:tocsin:escalation:0';
    const prompt = await alice.page.evaluate(() => JSON.parse(sessionStorage.getItem('tocsin:alice@example.org')).prompts[0][0]);
    for (const payload of [
        `<status xmlns='${ns}' id='${id}' with='bob@example.org' seq='99' state='displayed' stamp='2026-11-24T02:00:00Z'/>`,
        `<withdraw xmlns='${ns}' prompt='${prompt}' reason='displayed'/>`,
        `<escalate xmlns='${ns}' prompt='${prompt}' id='${id}' with='bob@example.org'><sms uri='sms:+19005550199?body=x'/></escalate>`,
    ]) {
        await eve.sends(`<message xmlns='jabber:client' to='alice@example.org' type='chat' id='evil'>${payload}<body>psst</body></message>`);
    }
    // Nor can she answer for Alice.
    const refused = await eve.page.evaluate(async ([service, p, ns]) => {
        const { api, env } = window._converse;
        const iq = await api.sendIQ(env.stx`<iq type="set" to="${service}" xmlns="jabber:client"><answer xmlns="${ns}" prompt="${p}" action="declined"/></iq>`, 5000, false);
        return iq.outerHTML;
    }, [stage.component.jid, prompt, ns]);
    assert.match(refused, /item-not-found/);
    await alice.page.waitForFunction(() => window._converse.state.chatboxes.get('eve@example.org')?.messages.models.filter((m) => m.get('body') === 'psst').length > 0);
    await alice.sees(id, 'timeout-undelivered');
    assert.equal(await alice.banner(id).locator('a').getAttribute('href'), wrote('Are you in?'));
    await alice.click(id, 'dont');
    await alice.seesNoBanner();
    await eve.close();
    await alice.close();
});

test('in Chinese, in the dark', async () => {
    const alice = await arrive('alice', { locale: 'zh-CN', dark: true });
    await alice.chat('bob');
    const id = await alice.say('三号厅的水泵坏了');
    await alice.banner(id).waitFor();
    assert.match(await alice.banner(id).innerText(), /这条消息还没有送达 Bob。\s*改发短信吗？/);
    assert.match(await alice.banner(id).locator('textarea').inputValue(), /\p{Script=Han}.*三号厅的水泵坏了/u); // the template too
    await alice.picture('chinese-dark');
    await alice.click(id, 'compose');
    await alice.page.getByRole('dialog', { name: '给 Bob 发短信' }).waitFor();
    await alice.picture('qr-chinese-dark');
    await alice.page.locator('dialog [data-action="yes-sent"]').click();
    await alice.sees(id, 'escalated');
    await alice.close();
});
