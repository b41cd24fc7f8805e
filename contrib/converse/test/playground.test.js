// The playground's page: Alice and Bob side by side, the switch, the SMS, the timeline.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { launch, newPage, quit, stage } from './browser.js';

before(launch);
after(quit);

async function visit(query, options) {
    const { page, faults } = await newPage({ width: 1400, height: 1010, ...options });
    await page.goto(stage.page + query);
    const [alice, bob] = ['#alice iframe', '#bob iframe'].map((f) => page.frameLocator(f));
    for (const frame of [alice, bob]) await frame.locator('textarea.chat-textarea').waitFor({ timeout: 30_000 });
    const say = async (text) => {
        await alice.locator('textarea.chat-textarea').fill(text);
        await alice.locator('textarea.chat-textarea').press('Enter');
        await bob.getByText(text).first().waitFor();
    };
    const confirms = (what) => page.locator(`label:has(input[value="${what}"])`).click();
    const line = page.locator('section.line');
    const picture = async (name) => {
        if (!stage.pictures) return;
        await mkdir(stage.pictures, { recursive: true });
        await page.waitForTimeout(600);
        await page.screenshot({ path: `${stage.pictures}/${name}.png` });
    };
    const pause = () => stage.pictures && page.waitForTimeout(2000); // for a picture that is worth looking at
    return { page, faults, alice, bob, say, confirms, line, picture, pause };
}

test('what Bob confirms is what Alice sees, and is drawn', async () => {
    const { page, faults, alice, say, confirms, line, picture, pause } = await visit('?lang=en');
    await line.getByText('Write something as Alice').waitFor();

    await confirms('markers');
    await say('Lunch at noon?');
    await alice.locator('.tocsin-state[data-state="displayed"]').waitFor();
    await line.locator('svg').getByText(/read \+/).waitFor();

    await pause();
    await confirms('nothing');
    await say('The pump in hall 3 has failed');
    await line.locator('svg').getByText(/not delivered in time \+/).waitFor({ timeout: 30_000 });
    await alice.locator('.tocsin-banner').waitFor();
    await alice.locator('[data-action="open"]').click();
    const sms = page.locator('.sms');
    await sms.getByText('SMS to +8613800138000').waitFor();
    assert.match(await sms.locator('p').innerText(), /alice@example.org wrote on example.org: The pump in hall 3 has failed/);
    await picture('playground');
    await alice.locator('[data-action="yes-sent"]').click();
    await line.locator('svg').getByText(/told by SMS \+/).waitFor();
    await sms.getByRole('button').click();

    await pause();
    await confirms('receipts');
    await line.locator('svg').getByText(/delivered \+/).first().waitFor();
    await pause();
    await confirms('markers'); // Bob looks at last
    await line.locator('svg').getByText(/read \+/).nth(1).waitFor();
    assert.equal(await alice.locator('.tocsin-state[data-state="displayed"]').count(), 2);
    assert.match(await page.locator('#told').innerText(), /The pump in hall 3 has failed: sent, not delivered in time, told by SMS, .*read/);
    await picture('playground-end');
    await page.close();
    assert.deepEqual(faults, []);
});

test('in Chinese, in the dark, narrow', async () => {
    const { page, faults, alice, confirms, say, line } = await visit('?lang=zh', { dark: true, width: 480, height: 1500, locale: 'zh-CN' });
    await confirms('nothing');
    await say('三号厅的水泵坏了');
    await line.locator('svg').getByText(/未按时送达/).last().waitFor({ timeout: 30_000 });
    await alice.getByText('改发短信吗？').waitFor();
    const sideways = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
    assert.ok(!sideways, 'the page scrolls sideways');
    await page.close();
    assert.deepEqual(faults, []);
});
