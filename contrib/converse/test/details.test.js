// What else happens between Alice and Bob, with the real service and a real server.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { arrive, launch, open, quit, stage } from './browser.js';
import { timeouts, wrote } from './real.js';

before(launch);
after(quit);

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
