// A Chromium without windows, and what a person does and sees in Converse.js.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { chromium } from 'playwright-core';

/** What the Go test has set up: {page, websocket, component, domain, users: {name: password}, pictures}. */
export const stage = JSON.parse(process.env.TOCSIN_STAGE ?? 'null');

let browser;

export async function launch() {
    browser = await chromium.launch({
        executablePath: '/usr/bin/chromium-headless-shell',
        headless: true,
        args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
            '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    });
}

export async function quit() {
    await browser?.close();
}

/** Opens an empty page. What goes wrong in it, and whatever it fetches from elsewhere, is in faults. */
export async function newPage({ locale = 'en', dark = false, width = 1000, height = 700, phone = false, context } = {}) {
    context ??= await browser.newContext({
        viewport: { width, height }, locale, colorScheme: dark ? 'dark' : 'light', timezoneId: 'UTC',
        permissions: ['clipboard-read', 'clipboard-write'], hasTouch: phone, deviceScaleFactor: stage.pictures ? 2 : 1,
    });
    const page = await context.newPage();
    const faults = [];
    page.on('pageerror', (error) => faults.push(error.stack ?? String(error)));
    page.on('request', (request) => {
        if (!/^(http:\/\/127\.0\.0\.1:|data:|blob:|ws:\/\/127\.0\.0\.1:)/.test(request.url())) faults.push(`fetched ${request.url()}`);
    });
    return { page, context, faults };
}

/** Opens a page in which a user is logged in; options are those of test/page.html and of newPage. */
export async function open(user, { settings = {}, confirms, plugin, locale = 'en', phone = false, ...rest } = {}) {
    const { page, context, faults } = await newPage({ locale, phone, ...rest });
    const client = new Client(user, page, context, faults);
    page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => client.sent.push(String(payload))));
    const query = new URLSearchParams({
        jid: `${user}@${stage.domain}`, password: stage.users[user], websocket: stage.websocket,
        settings: JSON.stringify({ i18n: locale === 'zh-CN' ? 'zh_CN' : 'en', tocsin_phone: phone, nickname: user[0].toUpperCase() + user.slice(1), ...settings }),
    });
    if (confirms) query.set('confirms', confirms);
    if (plugin) query.set('plugin', plugin);
    await page.goto(`${stage.page}/test/page.html?${query}`);
    await client.ready();
    return client;
}

/** Waits until the client is known to the service: what is sent from then on is told to it. */
export async function arrive(user, options) {
    const client = await open(user, options);
    await client.page.waitForFunction(() => JSON.parse(sessionStorage.getItem(`tocsin:${window._converse.session.get('bare_jid')}`))?.service);
    return client;
}

export class Client {
    constructor(user, page, context, faults) {
        Object.assign(this, { user, page, context, faults, sent: [], jid: `${user}@${stage.domain}` });
    }

    /** Waits until the session is up: contacts and presence are out. */
    async ready() {
        await this.page.waitForFunction(() => window._converse?.api.connection.connected() && window._converse.state.roster?.length !== undefined
            && document.querySelector('converse-root'), null, { timeout: 30_000 });
        await this.page.evaluate(() => window._converse.api.waitUntil('rosterContactsFetched'));
        // What a link to sms: would have opened; the click itself goes no further.
        await this.page.evaluate(() => {
            window.followed = [];
            window.addEventListener('click', (event) => {
                const link = event.target.closest?.('a[href^="sms:"]');
                if (link && !event.defaultPrevented) window.followed.push(link.getAttribute('href'));
                if (link) event.preventDefault();
            });
        });
    }

    /** Opens the chat with a contact. */
    async chat(contact = 'bob') {
        await this.page.evaluate((jid) => window._converse.api.chats.open(jid, { bring_to_foreground: true }, true), `${contact}@${stage.domain}`);
        await this.page.locator('textarea.chat-textarea').waitFor();
    }

    /** Types a message and sends it; returns its id. */
    async say(text, urgency) {
        const { page } = this;
        if (urgency) await page.locator('select.tocsin-urgency').selectOption(urgency);
        const before = await page.locator('.chat-msg').evaluateAll((all) => all.map((m) => m.dataset.msgid));
        await page.locator('textarea.chat-textarea').fill(text);
        await page.locator('textarea.chat-textarea').press('Enter');
        const id = await page.waitForFunction(([t, known]) => [...document.querySelectorAll('.chat-msg')]
            .find((m) => m.innerText.includes(t) && !known.includes(m.dataset.msgid))?.dataset.msgid, [text, before]);
        return id.jsonValue();
    }

    /** Waits until a chat is encrypted; it is by the setting omemo_default, once the contact's devices are known. */
    async encrypts(contact) {
        await this.page.evaluate(() => window._converse.api.waitUntil('OMEMOInitialized'));
        await this.page.waitForFunction((jid) => {
            const chat = window._converse.state.chatboxes.get(jid);
            return chat.get('omemo_supported') && chat.get('omemo_active');
        }, `${contact}@${stage.domain}`, { timeout: 30_000 });
    }

    message(id) {
        return this.page.locator(`.chat-msg[data-msgid="${id}"]`);
    }

    banner(id) {
        return this.message(id).locator('.tocsin-banner');
    }

    /** Waits until the state under a message is the given one. */
    async sees(id, state, within = 30_000) {
        await this.message(id).locator(`.tocsin-state[data-state="${state}"]`).waitFor({ timeout: within }).catch(async (error) => {
            const now = await this.message(id).locator('.tocsin-state').getAttribute('data-state', { timeout: 500 }).catch(() => 'nothing');
            throw new Error(`${this.user} sees ${now} under the message, not ${state}: ${error.message.split('\n')[0]}`);
        });
    }

    /** Waits until what was said to a screen reader last matches. */
    async hears(pattern) {
        await this.page.waitForFunction((p) => new RegExp(p).test(document.querySelector('.tocsin-live')?.textContent ?? ''), pattern.source, { timeout: 30_000 });
    }

    click(id, action) {
        return this.banner(id).locator(`[data-action="${action}"]`).click();
    }

    followed() {
        return this.page.evaluate(() => window.followed);
    }

    /** Returns all that has been followed, once it is so many links. */
    async follows(count) {
        await this.page.waitForFunction((n) => window.followed.length >= n, count, { timeout: 30_000 });
        return this.followed();
    }

    /** Sends a stanza as it is, as any client could. */
    async sends(stanza) {
        await this.page.evaluate((xml) => window._converse.api.send(new DOMParser().parseFromString(xml, 'text/xml').documentElement), stanza);
    }

    /** Returns the message stanza that was sent last with that text. */
    stanza(text) {
        return this.sent.findLast((s) => s.startsWith('<message') && s.includes(text));
    }

    /** Waits until no banner is to be seen anywhere, and looks again a little later: nothing may come up. */
    async seesNoBanner() {
        await this.page.waitForFunction(() => !document.querySelector('.tocsin-banner, .tocsin-tray'));
        // The answer to a ping comes after whatever was sent before: then there is nothing left to wait for.
        await this.page.evaluate(async () => {
            const { api, env } = window._converse;
            const ping = env.stx`<iq type="get" xmlns="jabber:client" to="${window._converse.session.get('domain')}"><ping xmlns="urn:xmpp:ping"/></iq>`;
            await api.sendIQ(ping);
        });
        assert.equal(await this.page.locator('.tocsin-banner, .tocsin-tray').count(), 0);
    }

    async reload() {
        await this.page.reload();
        await this.ready();
    }

    /** Writes a picture for docs/img, only when asked to. */
    async picture(name, options = {}) {
        if (!stage.pictures) return;
        await mkdir(stage.pictures, { recursive: true });
        await this.page.waitForTimeout(600); // fonts and transitions
        await this.page.screenshot({ path: `${stage.pictures}/${name}.png`, animations: 'disabled', ...options });
    }

    async close() {
        const { faults } = this;
        await this.page.close();
        assert.deepEqual(faults, [], `${this.user}'s page`);
    }
}
