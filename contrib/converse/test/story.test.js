// The story that Tocsin is for, told by two people in their browsers, with the real service and a real server.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { arrive, launch, quit } from './browser.js';
import { timeouts, wrote } from './real.js';

before(launch);
after(quit);

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
