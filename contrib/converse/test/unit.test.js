// The pure parts: no browser, no server.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanNumber, makeChatURI, makeURI, measure, numberOfTel, readChatURI, readURI } from '../sms.js';
import { join, observe, report, settled, shown } from '../state.js';
import { languages, speaker } from '../texts.js';

test('segments', () => {
    for (const [text, encoding, segments, left] of [
        ['', 'gsm7', 0, 160],
        ['a'.repeat(160), 'gsm7', 1, 0],
        ['a'.repeat(161), 'gsm7', 2, 145],
        ['a'.repeat(306), 'gsm7', 2, 0],
        ['€'.repeat(80), 'gsm7', 1, 0], // two septets each
        ['a'.repeat(152) + '€'.repeat(10), 'gsm7', 2, 133], // an escape is never parted from its character
        ['é'.repeat(160), 'gsm7', 1, 0],
        ['ê', 'ucs2', 1, 69],
        ['汉'.repeat(70), 'ucs2', 1, 0],
        ['汉'.repeat(71), 'ucs2', 2, 63],
        ['汉'.repeat(66) + '🚒'.repeat(3), 'ucs2', 2, 61], // nor is a pair of surrogates
    ]) assert.deepEqual(measure(text), { encoding, segments, left }, text);
});

test('sms: URIs', () => {
    for (const [number, text, uri] of [
        ['+8613800138000', 'Hi & bye', 'sms:+8613800138000?body=Hi%20%26%20bye'],
        ['10086', '', 'sms:10086'],
        ['+49151', '你好?\n+=#', 'sms:+49151?body=%E4%BD%A0%E5%A5%BD%3F%0A%2B%3D%23'],
    ]) {
        assert.equal(makeURI(number, text), uri);
        assert.deepEqual(readURI(uri), { number, text });
    }
    assert.equal(makeURI('110', 'a\uD83Db'), 'sms:110?body=a%EF%BF%BDb'); // half of a surrogate pair
    for (const uri of [null, '', 'http://example.org', 'javascript:alert(1)', 'sms:', 'sms:+1', 'sms:abc', 'sms:110,120', 'sms:110?body=%',
        'sms:110?body=%FF', 'sms:110?body=a&body=b', 'sms:110?body=a#b', 'sms:110?body=a?x', ' sms:110', 'sms:110\njavascript:', 'SMSTO:110']) {
        assert.equal(readURI(uri), null, uri);
    }
});

test('xmpp: URIs of a chat by a gateway', () => {
    for (const [number, gateway, text, uri] of [
        ['+8613800138000', 'cheogram.com', 'Hi; you & me?', 'xmpp:+8613800138000@cheogram.com?message;type=chat;body=Hi%3B%20you%20%26%20me%3F'],
        ['+49151', '短信.example', '', 'xmpp:+49151@%E7%9F%AD%E4%BF%A1.example?message;type=chat'],
        ['+49151', 'sms.example.org', 'a\uD83Db', 'xmpp:+49151@sms.example.org?message;type=chat;body=a%EF%BF%BDb'],
    ]) {
        assert.equal(makeChatURI(number, gateway, text), uri);
        assert.deepEqual(readChatURI(uri), { number, gateway });
    }
    for (const uri of [null, '', 'xmpp:bob@example.org?message;type=chat', 'xmpp:+49151@example.org?remove', 'xmpp:+49151@example.org', 'xmpp:+49151@localhost?message;type=chat',
        'xmpp:+49151@example.org/x?message;type=chat', 'xmpp:+49151@a%40example.org?message;type=chat', 'xmpp:+49151@a%2Fb.org?message;type=chat', 'xmpp:+49151@%.org?message;type=chat',
        'xmpp:+49151@example.org?message;type=chat;body=a;body=b', 'xmpp:+49151@example.org?message;type=chat;thread=x', 'xmpp:110@example.org?message;type=chat',
        'xmpp://bob@example.org/+49151@example.org?message;type=chat', 'javascript:xmpp:+49151@example.org?message;type=chat', ' xmpp:+49151@example.org?message;type=chat']) {
        assert.equal(readChatURI(uri), null, uri);
    }
});

test('numbers', () => {
    assert.equal(cleanNumber(' +86 (138) 0013–8000 '), '+8613800138000');
    assert.equal(cleanNumber('110'), '110');
    for (const typed of ['', '+', '12', 'one', '+1234567890123456', '110;ext=1', '1+1']) assert.equal(cleanNumber(typed), '', typed);
    assert.equal(numberOfTel('tel:+8613800138000'), '+8613800138000');
    for (const uri of [null, 'tel:', 'tel:+86-138', 'tel:110;phone-context=+86', 'sms:110']) assert.equal(numberOfTel(uri), '', uri);
});

const stamp = '2026-11-24T02:00:00.000Z';
const status = (seq, state, basis = '') => ({ seq, state, basis, stamp, further: '' });
const all = (...statuses) => statuses.reduce((entry, s) => report(entry, s), undefined);

test('states', () => {
    assert.equal(shown(undefined), 'sent');
    assert.equal(shown(all(status(1, 'pending'))), 'sent');
    assert.equal(shown(all(status(1, 'pending'), status(2, 'delivered'), status(3, 'timeout-unread'))), 'timeout-unread');
    assert.equal(shown(all(status(3, 'timeout-unread'), status(2, 'delivered'))), 'timeout-unread'); // an older one comes late
    assert.equal(shown(all(status(1, 'timeout-undelivered'), status(2, 'escalated'), status(3, 'delivered'))), 'escalated');
    assert.equal(shown(all(status(1, 'timeout-unread'), status(2, 'escalated'), status(3, 'displayed'))), 'displayed');
    assert.equal(shown(all(status(1, 'failed'))), 'failed');
    const sms = (seq, fate) => ({ ...status(seq, 'escalated', 'sms'), sms: fate });
    assert.equal(shown(all(sms(1, 'sent'), sms(2, 'delivered'), status(3, 'timeout-unread'))), 'escalated');
    assert.equal(shown(all(sms(1, 'sent'), sms(2, 'failed'))), 'sms-failed');
    assert.ok(!settled(all(sms(1, 'sent'), sms(2, 'failed'))), 'the sender is prompted');
    assert.equal(shown(all(sms(1, 'sent'), sms(2, 'failed'), status(3, 'timeout-unread'))), 'timeout-unread');
    assert.equal(shown(all(sms(1, 'unsure'))), 'sms-unsure');
    assert.ok(!settled(all(sms(1, 'unsure'))));
    assert.equal(shown(all(sms(1, 'unsure'), sms(2, 'delivered'))), 'escalated');
    const seen = observe(all(status(1, 'timeout-undelivered')), 'delivered', stamp);
    assert.equal(shown(seen), 'delivered');
    assert.equal(shown(report(seen, status(2, 'timeout-unread'))), 'timeout-unread');
    assert.equal(shown(observe(seen, 'displayed', stamp)), 'displayed');
    assert.equal(shown(observe(observe(seen, 'displayed', stamp), 'delivered', stamp)), 'displayed');
    assert.ok(!settled(seen));
    assert.ok(settled(observe(seen, 'displayed', stamp)));
});

test('history names each state once, with what the service says it rests on', () => {
    const entry = report(observe(undefined, 'displayed', stamp), status(1, 'displayed', 'marker'));
    assert.deepEqual(entry.steps, [{ state: 'displayed', stamp, basis: 'marker' }]);
    assert.deepEqual(observe(all(status(1, 'delivered', 'receipt')), 'delivered', stamp).steps, [{ state: 'delivered', stamp, basis: 'receipt' }]);
});

test('a status that was here before its message', () => {
    const waiting = all(status(1, 'pending'), status(4, 'timeout-unread'));
    assert.equal(shown(join(undefined, waiting)), 'timeout-unread');
    assert.equal(shown(join(observe(undefined, 'displayed', stamp), waiting)), 'displayed');
    assert.equal(shown(join(all(status(5, 'displayed')), waiting)), 'displayed');
});

test('both languages say everything', () => {
    assert.deepEqual(Object.keys(languages.zh), Object.keys(languages.en));
    for (const key of Object.keys(languages.en)) {
        const values = (text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
        assert.deepEqual(values(languages.zh[key]), values(languages.en[key]), key);
    }
    assert.equal(speaker('', 'zh-Hans-CN').language, 'zh');
    assert.equal(speaker('zh_TW').language, 'zh');
    assert.equal(speaker('de', 'fr').language, 'en');
    assert.equal(speaker('de', 'zh')('later'), '以后再说');
    assert.equal(speaker('en')('gone-displayed', { name: '{count}' }), '{count} has read it: no SMS is needed.');
});
