// The service sends the SMS itself, and a scripted provider takes it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { arrive, launch, newPage, open, quit, stage } from './browser.js';

before(launch);
after(quit);

/** Waits until the provider has taken so many SMS, and returns the last. */
async function taken(count) {
    for (;;) {
        const texts = await (await fetch(`${stage.provider}/sent`)).json();
        assert.ok(texts.length <= count, `${texts.length} SMS: ${texts}`);
        if (texts.length === count) return texts.at(-1);
        await new Promise((r) => setTimeout(r, 100));
    }
}

// The page comes first: as long as a session of the plugin can be resumed, prompts go there.
test('on a page', async () => {
    const contact = `sms@${stage.component.jid}`;
    const alice = await open('alice', { plugin: 'off' });
    const talk = (jid) => alice.page.evaluate((to) => window._converse.api.chats.open(to, { bring_to_foreground: true }, true), jid);
    const heard = async (pattern) => (await alice.page.waitForFunction(([jid, p]) => window._converse.state.chatboxes.get(jid)?.messages.models
        .map((m) => m.get('message') ?? m.get('body') ?? '').findLast((t) => new RegExp(p).test(t)), [contact, pattern.source], { timeout: 30_000 })).jsonValue();
    await talk(contact);
    await alice.say('start');
    await heard(/asked here/);
    await talk(`bob@${stage.domain}`);
    await alice.say('The valve, too');
    const [link] = /https?:\S+/.exec(await heard(/> The valve, too/));
    const { page, context, faults } = await newPage();
    await page.goto(link);
    await page.getByLabel('Text').fill('alice@example.org: the valve leaks');
    await page.getByRole('button', { name: 'Send it for me' }).click();
    assert.match(await taken(1), /^alice@example.org: the valve leaks\n/);
    await page.goto(link);
    await page.getByText('Nothing to do').waitFor({ timeout: 30_000 });
    await page.close();
    await context.close();
    assert.deepEqual(faults, []);
    await alice.close();
});

test('in the plugin: as it is suggested, and in one\'s own words', async () => {
    const alice = await arrive('alice');
    await alice.chat('bob');
    const id = await alice.say('The pump has failed');
    await alice.banner(id).waitFor();
    await alice.picture('send');
    await alice.click(id, 'send');
    assert.equal(await taken(2), 'alice@example.org wrote on example.org: The pump has failed');
    await alice.sees(id, 'escalated');
    await alice.seesNoBanner();

    const second = await alice.say('Are you there?');
    await alice.banner(second).waitFor();
    await alice.banner(second).locator('textarea').fill('Please call <Alice> & hurry');
    await alice.click(second, 'send');
    assert.equal(await taken(3), 'alice@example.org wrote on example.org: Please call <Alice> & hurry');
    await alice.sees(second, 'escalated');
    await alice.close();
});
