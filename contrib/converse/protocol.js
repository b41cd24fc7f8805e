// The wire form of urn:tocsin:escalation:0: strict parsing of what the service sends, and formatting of what it gets.
// Malformed elements are null; unknown attributes and children are ignored. See docs/PROTOCOL.md.

import { numberOfTel, readChatURI, readURI } from './sms.js';

export const NS = 'urn:tocsin:escalation:0';
export const NS_SMS = `${NS}#sms`;
export const MARKERS = 'urn:xmpp:chat-markers:0';

export const TIMEOUTS = ['timeout-undelivered', 'timeout-unread', 'timeout'];
const STATES = ['pending', 'unknown', 'delivered', 'displayed', 'failed', 'cancelled', 'escalated', ...TIMEOUTS];
const BASES = ['receipt', 'marker', 'reply', 'reaction', 'ack', 'order', 'error', 'timer', 'command', 'hint', 'sms', 'sms-reply'];
const FATES = ['sent', 'delivered', 'failed', 'unsure']; // of an SMS that the service has sent itself
const WITHDRAWALS = ['displayed', 'delivered', 'claimed', 'answered', 'snoozed', 'cancelled', 'expired', 'retracted'];
const LONGEST = 4096; // characters of an identifier or an address

/** Returns the direct children of that name: our elements at deeper levels do not count. */
export function children(element, name, ns = NS) {
    return [...element.children].filter((c) => c.localName === name && c.namespaceURI === ns);
}

function word(element, name, words) {
    const value = element.getAttribute(name);
    return words.includes(value) ? value : '';
}

function identifier(element, name) {
    const value = element.getAttribute(name) ?? '';
    return value.length <= LONGEST ? value : '';
}

function time(element, name) {
    const at = Date.parse(element.getAttribute(name) ?? '');
    return Number.isNaN(at) ? '' : new Date(at).toISOString();
}

/** Parses <status/>: how far one of our messages has come. */
export function readStatus(element) {
    const status = {
        id: identifier(element, 'id'),
        with: identifier(element, 'with').toLowerCase(),
        seq: Number.parseInt(element.getAttribute('seq'), 10),
        state: word(element, 'state', STATES),
        stamp: time(element, 'stamp'),
        basis: word(element, 'basis', BASES),
        further: word(element, 'further', ['unknown']),
        sms: word(element, 'sms', FATES),
    };
    return status.id && status.with && status.seq > 0 && status.state && status.stamp ? status : null;
}

/** Parses <escalate/>: a prompt to send an SMS. Only tel:, sms: and xmpp: URIs of a number are accepted; without one there is no number. */
export function readPrompt(element) {
    const [number] = children(element, 'number');
    const [text] = children(element, 'text');
    const [sms] = children(element, 'sms');
    const uri = sms?.getAttribute('uri') ?? '';
    const composed = readURI(uri);
    const chat = readChatURI(children(element, 'via')[0]?.getAttribute('uri'));
    const prompt = {
        id: identifier(element, 'prompt'),
        with: identifier(element, 'with').toLowerCase(),
        about: [element, ...children(element, 'also')].map((e) => identifier(e, 'id')).filter(Boolean),
        reason: word(element, 'reason', TIMEOUTS) || 'timeout',
        test: ['true', '1'].includes(element.getAttribute('test')),
        sends: ['true', '1'].includes(element.getAttribute('sends')), // the service can send the SMS itself
        tried: word(element, 'tried', ['failed', 'unsure']), // and has done so before
        urgent: ['high', 'urgent'].includes(element.getAttribute('priority')),
        expires: time(element, 'expires'),
        number: composed?.number || numberOfTel(number?.getAttribute('uri')),
        text: text?.textContent || composed?.text || '',
        uri: composed ? uri : '',
        gateway: composed && chat?.number === composed.number ? chat.gateway : '', // at which the user has an account
    };
    return prompt.id && prompt.with && prompt.about.length ? prompt : null;
}

/** Parses <withdraw/>: a prompt is to be removed. */
export function readWithdrawal(element) {
    const id = identifier(element, 'prompt');
    return id ? { id, reason: word(element, 'reason', WITHDRAWALS) || 'unknown' } : null;
}

/** Returns the meaning of the service's error in response to an answer. */
export function readError(iq) {
    const has = (name) => iq?.getElementsByTagName(name).length > 0;
    if (!iq || has('remote-server-timeout') || has('remote-server-not-found') || has('service-unavailable')) return 'lost';
    if (has('already-displayed')) return 'displayed';
    if (has('gone') || has('expired')) return 'expired';
    if (has('conflict')) return 'claimed';
    if (has('item-not-found')) return 'unknown';
    if (has('resource-constraint')) return 'wait';
    if (has('not-allowed')) return 'refused';
    return 'other';
}
