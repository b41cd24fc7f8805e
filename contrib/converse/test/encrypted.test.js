// With OMEMO, on Prosody: ejabberd 23.01 refuses the option pubsub#max_items with which Converse.js 14 publishes its keys.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { arrive, launch, quit } from './browser.js';
import { number } from './real.js';

before(launch);
after(quit);

test('an encrypted message: the service knows no text, the client fills in its own', async () => {
    const bob = await arrive('bob', { confirms: 'receipts' });
    await bob.page.evaluate(() => window._converse.api.waitUntil('OMEMOInitialized'));
    const alice = await arrive('alice', { settings: { omemo_default: true } });
    await alice.chat('bob');
    await alice.encrypts('bob');
    await bob.close(); // his keys stay on the server
    const id = await alice.say('The code is 4711');
    await alice.banner(id).waitFor(); // it has been sent by then
    assert.ok(alice.stanza('<encrypted'), 'not sent encrypted');
    assert.ok(!alice.sent.some((s) => s.includes('The code is')), 'sent in the clear');
    assert.equal(await alice.banner(id).locator('textarea').inputValue(), 'The code is 4711');
    await alice.banner(id).getByText('This message was encrypted. An SMS is not.').waitFor();
    assert.equal(await alice.banner(id).locator('a').getAttribute('href'), `sms:${number}?body=The%20code%20is%204711`);
    await alice.click(id, 'dont');
    await alice.close();
});
