// The pages of the component, for people whose client knows nothing of it: Alice in Converse.js without the plugin.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { launch, newPage, open, quit, stage } from './browser.js';
import { number } from './real.js';

const contact = `sms@${stage.component.jid}`;
const axe = await readFile(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
let alice;
let said = 0;

before(async () => {
    await launch();
    alice = await open('alice', { plugin: 'off' });
    await talk(contact);
    await alice.say('start');
    await heard(/asked here/);
});
after(async () => {
    await alice.close();
    await quit();
});

async function talk(jid) {
    await alice.page.evaluate((to) => window._converse.api.chats.open(to, { bring_to_foreground: true }, true), jid);
    await alice.page.locator('textarea.chat-textarea').waitFor();
}

/** Waits for a message of the contact, and returns its text. */
async function heard(pattern) {
    const text = await alice.page.waitForFunction(([jid, p]) => window._converse.state.chatboxes.get(jid)?.messages.models
        .map((m) => m.get('message') ?? m.get('body') ?? '').findLast((t) => new RegExp(p).test(t)), [contact, pattern.source], { timeout: 30_000 });
    return text.jsonValue();
}

/** Alice writes to Bob, who is not there; returns the link of the prompt. */
async function prompted() {
    await talk(`bob@${stage.domain}`);
    const text = `The pump has failed, ${++said}`;
    await alice.say(text);
    await talk(contact);
    const prompt = await heard(new RegExp(`> ${text}`));
    return /https?:\S+/.exec(prompt)[0];
}

/** Checks what a page is for people who do not see it, and that it fits a narrow screen. */
async function accessible(page) {
    for (const [width, scheme] of [[320, 'light'], [900, 'dark']]) {
        await page.setViewportSize({ width, height: 800 });
        await page.emulateMedia({ colorScheme: scheme });
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), `wider than ${width} pixels`);
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => window.axe.run());
        assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' ')}`), [], scheme);
    }
}

test('a prompt is answered on its page, without JavaScript', async () => {
    const link = await prompted();
    const { page, context } = await newPage({ context: await alice.page.context().browser().newContext({ javaScriptEnabled: false }) });
    await page.goto(link);
    await page.goto(link); // a GET claims nothing
    await page.getByText(number).waitFor();
    await page.getByLabel('Text').fill('Please call +49 30');
    await page.getByRole('button', { name: 'Open SMS app' }).click();
    assert.equal(await page.getByRole('link', { name: 'Open SMS app' }).getAttribute('href'), `sms:${number}?body=Please%20call%20%2B49%2030`);
    await page.getByRole('button', { name: 'Sent' }).click();
    await page.getByText('Noted').waitFor();
    await page.goto(link);
    assert.equal(await page.getByText(number).count(), 0);
    await page.getByText('Nothing to do').waitFor();
    await context.close();
});

test('the page of a prompt: for everybody, live, and by keyboard', async () => {
    const link = await prompted();
    const one = await newPage();
    await one.page.goto(link);
    await accessible(one.page);
    if (stage.pictures) await one.page.setViewportSize({ width: 420, height: 900 });
    await alice.picture('chat-prompt');
    if (stage.pictures) await one.page.screenshot({ path: `${stage.pictures}/page-prompt.png`, fullPage: true });

    // Another tab answers: this one sees it.
    const two = await newPage();
    await two.page.goto(link);
    await two.page.getByRole('button', { name: 'Not now' }).focus();
    await two.page.keyboard.press('Enter');
    await two.page.getByText('asked again in ten minutes').waitFor();
    await one.page.getByText('You will be asked about').waitFor({ timeout: 30_000 });
    for (const { page, context, faults } of [one, two]) {
        await page.close();
        await context.close();
        assert.deepEqual(faults, []);
    }
});

test('settings: a link that works once, behind a button; every setting can be changed', async () => {
    await talk(contact);
    await alice.say('settings');
    const [link] = /https?:\S+\/me\/\S+/.exec(await heard(/\/me\//));
    const { page, context, faults } = await newPage();
    await page.goto(link);
    await accessible(page);
    await page.getByRole('button', { name: 'Open' }).click();
    await page.getByRole('heading', { name: 'Your last messages' }).waitFor();
    assert.ok(!page.url().includes('/me/'), 'the token stays in the address');
    await accessible(page);
    if (stage.pictures) await page.screenshot({ path: `${stage.pictures}/page-settings.png`, fullPage: true });
    await page.getByLabel('Time zone').fill('Mars/Olympus');
    await page.getByLabel('Overdue if not read').fill('20m');
    await page.locator('#preferences button').click();
    await page.getByRole('alert').waitFor();
    assert.equal(await page.getByLabel('Time zone').inputValue(), 'Mars/Olympus'); // it comes back as it was filled in
    await page.getByLabel('Time zone').fill('Europe/Berlin');
    await page.locator('#preferences button').click();
    await page.getByRole('status').waitFor();
    await page.reload();
    assert.equal(await page.getByLabel('Overdue if not read').inputValue(), '20m');
    await page.goto(link);
    await page.getByText('This link is not valid').first().waitFor();
    await page.close();
    await context.close();
    assert.deepEqual(faults, []);
});

test('a link that is wrong looks like one that was used', async () => {
    const { page, context } = await newPage();
    const base = stage.pages;
    const seen = new Set();
    for (const path of ['/p/aaaaaaaaaaaaaaaaaaaaaaaaaa', '/p/<script>', '/me/aaaaaaaaaaaaaaaaaaaaaaaaaa', '/me', '/admin']) {
        const answer = await page.goto(base + path);
        assert.equal(answer.status(), 404);
        assert.match(answer.headers()['content-security-policy'], /default-src 'none'/);
        seen.add(await page.locator('main').innerText());
    }
    assert.equal(seen.size, 1);
    await context.close();
});
