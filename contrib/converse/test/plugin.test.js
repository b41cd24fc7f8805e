// The plugin against a scripted service, on a real server.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { Component } from './component.js';
import { launch, open, quit, stage } from './browser.js';

let service;

before(launch);
after(quit);
beforeEach(async (t) => {
    service = new Component(stage.component);
    await service.start();
    t.after?.(() => service.stop());
});
after(() => service?.stop());

const alice = `alice@example.org`;

test('a message is sent, delivered, not read in time; an SMS is composed and answered', async () => {
    const a = await open('alice');
    const presence = await service.expect(/^<presence/);
    assert.match(presence, /caps/);
    await a.chat();
    const id = await a.say('The pump has failed');
    await a.sees(id, 'sent');
    service.status(alice, { id, seq: 1, state: 'pending' });
    service.status(alice, { id, seq: 2, state: 'delivered', basis: 'receipt' });
    await a.sees(id, 'delivered');
    service.status(alice, { id, seq: 3, state: 'timeout-unread', basis: 'timer' });
    await a.sees(id, 'timeout-unread');
    const full = /from=['"]([^'"]+)/.exec(presence)[1];
    service.prompt(full, { prompt: 'p-1', id });
    await a.banner(id).waitFor();
    await a.picture('dev-banner');
    await a.click(id, 'open');
    await service.expect(/<answer [^>]*claim/);
    assert.deepEqual(await a.follows(1), ['sms:+8613800138000?body=alice%20wrote%3A%20the%20pump%20has%20failed']);
    await a.picture('dev-opened');
    await a.click(id, 'yes-sent');
    await service.expect(/<answer [^>]*sent/);
    await a.banner(id).waitFor({ state: 'detached' });
    await a.close();
});
