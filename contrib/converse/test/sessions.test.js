// The plugin in several tabs, after a reload, in a new session and after an absence, against a scripted service.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open } from './browser.js';
import { NS, alice, arrive, fromOf, prompt, prompted, service } from './scripted.js';

test('two tabs: who claims first writes', async () => {
    const one = await arrive();
    const two = await arrive({ context: one.context });
    assert.notEqual(one.full, two.full);
    const id = await one.say('The pump has failed');
    await two.message(id).waitFor(); // by carbon copy
    const name = prompt(one.full, { id });
    prompt(two.full, { prompt: name, id });
    await one.banner(id).waitFor();
    await two.banner(id).waitFor();
    await one.click(id, 'open');
    assert.ok((await service.expect(/<answer [^>]*claim/)).includes(one.full));
    service.withdraw(two.full, name, 'claimed');
    await two.banner(id).waitFor({ state: 'detached' });
    await two.hears(/Another of your devices/);
    await one.banner(id).getByText('Have you sent the SMS?').waitFor();
    // The lease ends: both are asked again, and the first still remembers that the app was opened.
    for (const tab of [one, two]) prompt(tab.full, { prompt: name, id });
    await two.banner(id).locator('textarea').waitFor();
    await one.banner(id).getByText('Have you sent the SMS?').waitFor();
    service.status(alice, { id, seq: 3, state: 'displayed', basis: 'marker' });
    await one.sees(id, 'displayed');
    await two.sees(id, 'displayed');
    await one.seesNoBanner();
    await two.seesNoBanner();
    await two.close();
    await one.close();
});

test('a reload loses nothing, and brings nothing back', async () => {
    const a = await arrive();
    const [settled, settledPrompt] = await prompted(a);
    await a.click(settled, 'dont');
    await a.banner(settled).waitFor({ state: 'detached' });
    const [id, name] = await prompted(a, { message: 'The spare pump too' });
    await a.banner(id).locator('textarea').fill('my own words');
    service.forget();
    await a.reload();
    await a.chat();
    await a.sees(settled, 'timeout-unread');
    // The stream was resumed, or a new one is told its prompts anew: the live one is here, the settled one is not.
    await service.expect(/^<presence(?![^>]*type=)/);
    prompt(a.full, { prompt: settledPrompt, id: settled });
    prompt(a.full, { prompt: name, id });
    await a.banner(id).waitFor();
    assert.equal(await a.banner(id).locator('textarea').inputValue(), 'my own words');
    assert.equal(await a.page.locator('.tocsin-banner').count(), 1);
    await a.close();
});

test('a new session shows no prompt of an old one until it is told anew', async () => {
    const a = await arrive({ settings: { enable_smacks: false } });
    const [id, name] = await prompted(a);
    service.forget();
    await a.page.evaluate(() => (sessionStorage.resource = 'another'));
    await a.reload();
    await a.chat();
    await a.message(id).waitFor();
    const presence = await service.expect(/^<presence(?![^>]*type=)/);
    await a.seesNoBanner();
    prompt(fromOf(presence), { prompt: name, id });
    await a.banner(id).waitFor();
    await a.close();
});

test('offline: the digest at login, and what was missed by this tab', async () => {
    const a = await arrive();
    const [one, two, three] = [await a.say('one'), await a.say('two'), await a.say('three')];
    await a.close();
    service.statuses = [service.status(null, { id: two, seq: 4, state: 'displayed', basis: 'marker' })];
    service.forget();
    const b = await open('alice', { context: a.context });
    const presence = await service.expect(/^<presence(?![^>]*type=)/);
    const full = fromOf(presence);
    service.send(`<message type='headline' from='${service.jid}' to='${alice}'><statuses xmlns='${NS}'>`
        + service.status(null, { id: one, seq: 2, state: 'timeout-unread', basis: 'timer' })
        + service.status(null, { id: three, seq: 2, state: 'failed', basis: 'error' }) + '</statuses></message>');
    // The chat is out of sight: the tray leads there.
    await b.chat('eve');
    prompt(full, { id: one });
    await b.page.locator('.tocsin-tray').getByRole('button', { name: 'Show' }).click();
    await b.banner(one).waitFor();
    await b.sees(one, 'timeout-unread');
    await b.sees(two, 'displayed');
    await b.sees(three, 'failed');
    await b.page.locator('.tocsin-tray').waitFor({ state: 'detached' });
    await b.close();
});
