// A service that says what a test tells it: an external component (XEP-0114) of the server, with Tocsin's disco.

import { createHash } from 'node:crypto';
import { connect } from 'node:net';

const NS = 'urn:tocsin:escalation:0';

export class Component {
    /** @param {{host: string, port: number, jid: string, secret: string}} place */
    constructor(place) {
        Object.assign(this, place, { seen: [], waiting: [], faults: {}, statuses: [] });
    }

    /** Connects, does the handshake and answers disco#info, <sync/> and <answer/> from then on. */
    async start() {
        this.socket = connect(this.port, this.host);
        this.socket.setEncoding('utf8');
        let buffer = '';
        const ready = new Promise((resolve, reject) => {
            this.socket.on('error', reject);
            this.socket.on('data', (chunk) => {
                buffer += chunk;
                const id = /<stream:stream[^>]* id=['"]([^'"]+)['"]/.exec(buffer);
                if (id) {
                    buffer = '';
                    const hash = createHash('sha1').update(id[1] + this.secret).digest('hex'); // XEP-0114 §3
                    return this.socket.write(`<handshake>${hash}</handshake>`);
                }
                if (buffer.startsWith('<handshake/>')) {
                    buffer = buffer.slice('<handshake/>'.length);
                    resolve();
                }
                // Prosody writes whole stanzas, without white space between them.
                for (let m; (m = /^\s*(<(iq|message|presence)\b(?:[^>]*\/>|[\s\S]*?<\/\2>))/.exec(buffer));) {
                    buffer = buffer.slice(m[0].length);
                    this.handle(m[1]);
                }
            });
        });
        this.socket.write(`<?xml version='1.0'?><stream:stream to='${this.jid}' xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams'>`);
        await ready;
    }

    stop() {
        this.socket.destroy();
    }

    send(stanza) {
        this.socket.write(stanza);
    }

    handle(stanza) {
        this.seen.push(stanza);
        this.waiting = this.waiting.filter(({ pattern, resolve }) => !pattern.test(stanza) || resolve(stanza));
        const type = attr(stanza, 'type');
        if (!stanza.startsWith('<iq') || (type !== 'get' && type !== 'set')) return;
        const reply = (kind, payload = '') => this.send(`<iq type='${kind}' id='${attr(stanza, 'id')}' from='${this.jid}' to='${attr(stanza, 'from')}'>${payload}</iq>`);
        const action = /<answer [^>]*action=['"](\w+)/.exec(stanza)?.[1];
        if (action && this.faults[action] === 'silence') return;
        if (action && this.faults[action]) {
            return reply('error', `<error type='cancel'>${this.faults[action]}</error>`);
        }
        if (action) return reply('result');
        if (stanza.includes('disco#info')) {
            return reply('result', `<query xmlns='http://jabber.org/protocol/disco#info'><identity category='component' type='generic' name='SMS escalation'/><feature var='${NS}'/><feature var='${NS}#sync'/>`
                + `<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>${NS}</value></field><field var='urgent.unread_after'><value>120</value></field></x></query>`);
        }
        if (stanza.includes('#escalate')) {
            const session = /sessionid=['"]([^'"]+)/.exec(stanza)?.[1];
            return reply('result', session ? `<command xmlns='http://jabber.org/protocol/commands' node='${NS}#escalate' sessionid='${session}' status='completed'/>`
                : `<command xmlns='http://jabber.org/protocol/commands' node='${NS}#escalate' sessionid='s1' status='executing'/>`);
        }
        if (stanza.includes('<sync')) return reply('result', `<sync xmlns='${NS}' last='${this.statuses.length}' complete='true'>${this.statuses.join('')}</sync>`);
        reply('error', `<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`);
    }

    /** Waits for a stanza; those already seen count unless they are forgotten. */
    async expect(pattern, within = 10_000) {
        const had = this.seen.find((s) => pattern.test(s));
        if (had) return had;
        let timer;
        const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`no ${pattern} came; seen:\n${this.seen.join('\n')}`)), within)));
        const came = new Promise((resolve) => this.waiting.push({ pattern, resolve: (s) => void resolve(s) }));
        return Promise.race([came, late]).finally(() => clearTimeout(timer));
    }

    forget() {
        this.seen = [];
    }

    status(to, { id, seq, state, basis = '', further = '', sms = '', stamp = new Date().toISOString(), of = 'bob@example.org' }) {
        const status = `<status xmlns='${NS}' id='${id}' with='${of}' seq='${seq}' state='${state}' stamp='${stamp}'${basis && ` basis='${basis}'`}${further && ` further='${further}'`}${sms && ` sms='${sms}'`}/>`;
        if (to) this.send(`<message type='headline' from='${this.jid}' to='${to}' id='s-${id}-${seq}'>${status}<no-store xmlns='urn:xmpp:hints'/></message>`);
        return status;
    }

    prompt(to, attrs, children = '') {
        this.contact(to, escalate(attrs, children));
    }

    withdraw(to, prompt, reason) {
        this.contact(to, `<withdraw xmlns='${NS}' prompt='${prompt}' reason='${reason}'/>`);
    }

    contact(to, payload) {
        this.send(`<message type='chat' from='sms@${this.jid}' to='${to}' id='x-${Math.random()}'>${payload}<no-store xmlns='urn:xmpp:hints'/></message>`);
    }
}

/** Returns <escalate/> as the protocol has it. */
export function escalate({ prompt, id, also = [], reason = 'timeout-unread', priority = 'normal', of = 'bob@example.org', expires = new Date(Date.now() + 3600_000).toISOString(), test = false, sends = false, tried = '', number = '+8613800138000', text = 'alice wrote: the pump has failed', uri, via = '' }, extra = '') {
    uri ??= `sms:${number}` + (text && `?body=${encodeURIComponent(text)}`);
    return `<escalate xmlns='${NS}' prompt='${prompt}' id='${id}' with='${of}' reason='${reason}' priority='${priority}' expires='${expires}'${test ? " test='true'" : ''}${sends ? " sends='true'" : ''}${tried && ` tried='${tried}'`}>`
        + (number && `<number uri='tel:${number}'/>`) + `<text xml:lang='en'>${escape(text)}</text>`
        + (number && `<sms uri='${escape(uri)}'/>`) + (via && `<via uri='${escape(via)}'/>`) + also.map((i) => `<also id='${i}'/>`).join('') + extra + '</escalate>';
}

export function escape(text) {
    return text.replace(/[&<>'"]/g, (c) => `&#${c.charCodeAt(0)};`);
}

function attr(stanza, name) {
    return new RegExp(`^<[^>]*\\s${name}=['"]([^'"]*)['"]`).exec(stanza)?.[1];
}
