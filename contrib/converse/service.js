// The service: finding it, and exchanging stanzas with it. It is the only source of states and prompts.

import { NS, children, readError } from './protocol.js';

const PAGE = 100; // statuses per request
const PAGES = 50;
const ANSWER_WITHIN = 10_000; // milliseconds
const COMMANDS = 'http://jabber.org/protocol/commands';

/** Parses from disco#info after how many seconds there is a prompt for urgent messages (XEP-0128); 0 if unknown. */
function urgency(info) {
    const fields = [...info.getElementsByTagName('field')];
    const seconds = (name) => Number(fields.find((f) => f.getAttribute('var') === name)?.getElementsByTagName('value')[0]?.textContent) || 0;
    return seconds('urgent.unread_after');
}

export class Service {
    constructor(converse, api, configured) {
        Object.assign(this, { env: converse.env, api, configured });
        this.jid = configured || '';
    }

    /**
     * Finds the service among the items of the user's own server, by its feature, if none is configured. The
     * server's admin decides what is listed there: no contact can get in.
     */
    async find() {
        if (this.configured) return this.configured;
        const { Strophe } = this.env;
        const own = Strophe.getDomainFromJid(this.api.connection.get().jid);
        const list = await this.api.disco.items(own).catch(() => null);
        if (!list) return this.jid; // unchanged, if it was known
        const items = [...list.getElementsByTagName('item')].filter((i) => !i.getAttribute('node'));
        const domains = items.map((i) => i.getAttribute('jid') ?? '').filter((jid) => jid && !/[@/]/.test(jid));
        const has = await Promise.all(domains.map((jid) => this.offers(jid)));
        this.jid = domains.find((_, i) => has[i]) ?? '';
        return this.jid;
    }

    async offers(jid) {
        const info = await this.api.disco.info(jid).catch(() => null);
        const ours = [...(info?.getElementsByTagName('feature') ?? [])].some((f) => f.getAttribute('var') === NS);
        if (ours) this.urgentAfter = urgency(info);
        return ours;
    }

    /** Escalates one message now, by the command (XEP-0050). Returns whether it succeeded. */
    async escalate(id, contact) {
        const { stx } = this.env;
        const node = `${NS}#escalate`;
        const begun = await this.ask('set', stx`<command xmlns="${COMMANDS}" node="${node}" action="execute"/>`);
        const [command] = begun ? children(begun, 'command', COMMANDS) : [];
        const session = command?.getAttribute('sessionid');
        if (command?.getAttribute('status') !== 'executing' || !session) return false;
        const field = (name, value) => stx`<field var="${name}"><value>${value}</value></field>`;
        const done = await this.ask('set', stx`<command xmlns="${COMMANDS}" node="${node}" sessionid="${session}" action="complete">
            <x xmlns="jabber:x:data" type="submit">${field('id', id)}${field('with', contact)}</x></command>`);
        const [answer] = done ? children(done, 'command', COMMANDS) : [];
        return answer?.getAttribute('status') === 'completed' && !children(answer, 'note', COMMANDS).some((n) => n.getAttribute('type') === 'error');
    }

    /** Reports whether a stanza is from the service, or its contact: an address on its domain. */
    sent(stanza) {
        const [, domain] = /^(?:[^@/]+@)?([^@/]+)$/.exec(stanza.getAttribute('from') ?? '') ?? [];
        return !!domain && domain === this.jid;
    }

    /** Announces this client and its features to the service (the presence contains our capabilities). */
    greet() {
        return this.api.user.presence.send({ to: this.jid });
    }

    /** Answers a prompt. Returns '' or why that failed, one of readError's words. */
    async answer(prompt, action, seconds, text) {
        const { Stanza, stx } = this.env;
        const wait = seconds ? Stanza.unsafeXML(`for="${Math.round(seconds)}"`) : '';
        const iq = await this.ask('set', stx`<answer xmlns="${NS}" prompt="${prompt}" action="${action}" ${wait}>${text ? stx`<text>${text}</text>` : ''}</answer>`);
        return iq?.getAttribute('type') === 'result' ? '' : readError(iq);
    }

    /** Requests all statuses after a token, page by page; take gets the status elements and the token after them. */
    async sync(token, take) {
        const { Stanza, stx } = this.env;
        for (let page = 0; page < PAGES; page++) {
            const after = token ? Stanza.unsafeXML(`after="${this.env.Strophe.xmlescape(token)}"`) : '';
            const iq = await this.ask('get', stx`<sync xmlns="${NS}" max="${PAGE}" ${after}/>`);
            if (token && readError(iq) === 'unknown') {
                token = ''; // the service has a different database: start over
                continue;
            }
            const [answer] = iq ? children(iq, 'sync') : [];
            if (!answer) return;
            const last = answer.getAttribute('last') ?? '';
            await take(children(answer, 'status'), last);
            if (answer.getAttribute('complete') === 'true' || !last || last === token) return;
            token = last;
        }
    }

    /** Returns the service's response to an IQ, possibly an error; null if there is none. */
    async ask(type, payload) {
        const { stx } = this.env;
        try {
            const iq = stx`<iq type="${type}" to="${this.jid}" xmlns="jabber:client">${payload}</iq>`;
            const patience = Math.min(ANSWER_WITHIN, this.api.settings.get('stanza_timeout'));
            const answer = await this.api.sendIQ(iq, patience, false);
            return answer && this.sent(answer) ? answer : null;
        } catch {
            return null; // not connected
        }
    }
}
