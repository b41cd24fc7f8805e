// The stage of the tests against a scripted service: Alice's page, and prompts that are withdrawn after each test.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach } from 'node:test';
import { Component } from './component.js';
import { launch, open, quit, stage } from './browser.js';

export const NS = 'urn:tocsin:escalation:0';
export const alice = 'alice@example.org';
export let service;
export let shared; // Alice's page, for the tests that need nothing of their own: a login takes longest

before(async () => {
    await launch();
    service = new Component(stage.component);
    await service.start();
    shared = await arrive();
});
after(async () => {
    await shared.close();
    service.stop();
    await quit();
});
beforeEach(async () => {
    service.forget();
    await shared.page.evaluate(() => {
        window.followed = [];
        document.querySelector('.tocsin-live')?.replaceChildren();
    });
});
afterEach(() => {
    service.faults = {};
    service.statuses = [];
    for (const { to, prompt } of sent.splice(0)) service.withdraw(to, prompt, 'cancelled');
});

/** Alice logged in, her chat with Bob open, known to the service; full is her full JID. */
export async function arrive(options) {
    service.forget();
    const a = await open('alice', options);
    const presence = await service.expect(/^<presence(?![^>]*type=)/);
    assert.match(presence, /http:\/\/jabber.org\/protocol\/caps/);
    a.full = fromOf(presence);
    await service.expect(/<sync /);
    await a.chat();
    return a;
}

export const fromOf = (stanza) => /from=['"]([^'"]+)/.exec(stanza)[1];

let prompts = 0;
const sent = []; // prompts that were sent in this test

/** Sends a prompt; returns its name. */
export function prompt(to, about) {
    const name = about.prompt ?? `p-${++prompts}`;
    service.prompt(to, { ...about, prompt: name });
    sent.push({ to, prompt: name });
    return name;
}

/** A message that was not read in time, and its prompt on the screen; returns the message's id and the prompt's name. */
export async function prompted(a, { message = 'The pump has failed', ...about } = {}) {
    const id = await a.say(message);
    service.status(alice, { id, seq: 1, state: 'pending' });
    service.status(alice, { id, seq: 2, state: 'timeout-unread', basis: 'timer' });
    const name = prompt(a.full, { ...about, id });
    await a.banner(id).waitFor();
    return [id, name];
}
