// Where states and prompts arrive, are kept, and are answered. It knows nothing of how they are drawn; it
// fires 'change' when something looks different, and 'news' with a sentence for screen readers.

import { children, readPrompt, readStatus, readWithdrawal } from './protocol.js';
import { join, observe, report, settled, shown } from './state.js';
import { cleanNumber, makeURI, readURI } from './sms.js';

const OVER = ['displayed', 'delivered', 'answered', 'cancelled', 'expired', 'retracted', 'unknown']; // not claimed, snoozed

export class Prompts extends EventTarget {
    /**
     * chat gives the conversation with a contact, if there is one, and name what to call them; snooze is how long "not now"
     * lasts, in seconds.
     */
    constructor({ chat, name, service, store, say, snooze }) {
        super();
        Object.assign(this, { chat, name, service, store, say, snooze });
    }

    changed() {
        this.store.save();
        this.dispatchEvent(new Event('change'));
    }

    news(sentence) {
        this.dispatchEvent(new CustomEvent('news', { detail: sentence }));
    }

    // ---- what comes in ------------------------------------------------------------------------------------------

    /** Takes a message stanza; what is not from the service changes nothing. Archived copies are never from it. */
    receive(stanza) {
        if (!this.service.sent(stanza) || stanza.getAttribute('type') === 'error') return;
        this.takeStatuses([stanza, ...children(stanza, 'statuses')].flatMap((e) => children(e, 'status')));
        const late = children(stanza, 'delay', 'urn:xmpp:delay').length > 0;
        for (const element of children(stanza, 'escalate')) this.takePrompt(readPrompt(element), late, stanza.getAttribute('id'));
        for (const element of children(stanza, 'withdraw')) this.takeWithdrawal(readWithdrawal(element));
        if (children(stanza, 'escalate').length) return;
        for (const element of children(stanza, 'replace', 'urn:xmpp:message-correct:0')) this.takeSettled(element.getAttribute('id'));
    }

    takeStatuses(elements) {
        for (const status of elements.map(readStatus).filter(Boolean)) {
            const message = this.message(status.with, status.id);
            if (message) {
                save(message, report(this.entry(message), status));
            } else {
                const key = `${status.with} ${status.id}`;
                this.store.waiting.set(key, report(this.store.waiting.get(key), status));
            }
        }
        if (elements.length) this.changed();
    }

    /** Takes the receipt or the marker of a contact, seen by this client itself (XEP-0184, XEP-0333). */
    takeEvidence(contact, id, state, stamp) {
        const message = this.message(contact, id);
        if (!message) return;
        // A marker covers all earlier messages (XEP-0333 §5).
        const earlier = (m) => own(m) && m.get('time') <= message.get('time');
        const covered = state === 'displayed' ? message.collection.filter(earlier) : [message];
        covered.forEach((m) => save(m, observe(this.entry(m), state, stamp)));
        this.changed();
    }

    takePrompt(prompt, late, stanza) {
        if (!prompt || this.store.settled.has(prompt.id)) return;
        if (late && prompt.expires && Date.parse(prompt.expires) <= Date.now()) return;
        const known = this.store.prompts.get(prompt.id);
        const shown = known && !known.hidden;
        this.store.prompts.set(prompt.id, Object.assign(known ?? {}, prompt, { stanza, hidden: false }));
        this.changed();
        if (!shown) this.news(this.say('new-prompt', { sentence: this.sentence(prompt) }));
    }

    takeWithdrawal(withdrawal) {
        if (!withdrawal) return;
        if (OVER.includes(withdrawal.reason)) this.store.settled.add(withdrawal.id);
        const prompt = this.store.prompts.get(withdrawal.id);
        if (prompt) this.remove(prompt, this.say(`gone-${withdrawal.reason}`, { name: this.name(prompt.with) }));
    }

    /** Takes the line that an ordinary client gets in place of a prompt that is over. */
    takeSettled(stanza) {
        const prompt = [...this.store.prompts.values()].find((p) => stanza && p.stanza === stanza);
        if (prompt) this.takeWithdrawal({ id: prompt.id, reason: 'unknown' });
    }

    remove(prompt, sentence) {
        this.store.prompts.delete(prompt.id);
        this.changed();
        if (sentence) this.news(sentence);
    }

    /** A new session is told its prompts anew: those of the old one are kept out of sight until then. */
    hidePrompts() {
        this.store.prompts.forEach((p) => (p.hidden = true));
        this.changed();
    }

    // ---- what is known ------------------------------------------------------------------------------------------

    message(contact, id) {
        return this.chat(contact)?.messages?.find((m) => own(m) && m.get('msgid') === id);
    }

    /** Returns what is known of a message, and lays it on the message if it came before the message did. */
    entry(message) {
        const key = `${contactOf(message)} ${message.get('msgid')}`;
        const waiting = this.store.waiting.get(key);
        if (waiting) {
            this.store.waiting.delete(key);
            save(message, join(message.get('tocsin'), waiting));
        }
        return message.get('tocsin');
    }

    state(message) {
        const state = shown(this.entry(message));
        return state === 'sent' && message.get('tocsin_urgency') === 'none' ? 'unwatched' : state;
    }

    /** Returns the prompts to be shown: those of this session that are about a message which is not known to be read. */
    shown() {
        const open = (prompt) => (id) => !settled(this.message(prompt.with, id)?.get('tocsin'));
        return [...this.store.prompts.values()].filter((p) => !p.hidden && p.about.some(open(p)));
    }

    /** Returns the message that a prompt is shown under, the newest it is about; undefined if none of them is here. */
    anchor(prompt) {
        const about = (m) => own(m) && prompt.about.includes(m.get('msgid')) && !settled(m.get('tocsin'));
        return this.chat(prompt.with)?.messages?.filter(about).pop();
    }

    promptUnder(message) {
        return this.shown().find((p) => p.about.includes(message.get('msgid')) && this.anchor(p) === message);
    }

    /** Returns the number and the text that an SMS would have: what the user typed, else what the service says. */
    draft(prompt) {
        const messages = this.chat(prompt.with)?.messages?.filter((m) => own(m) && prompt.about.includes(m.get('msgid'))) ?? [];
        const encrypted = messages.some((m) => m.get('is_encrypted'));
        // Of an encrypted message the service knows nothing: the text is our own plaintext, of all the prompt is about.
        const plaintext = encrypted ? messages.map((m) => m.getMessageText()).join('\n') : '';
        const text = prompt.draftText ?? (prompt.text || plaintext);
        return { encrypted, text, number: prompt.draftNumber ?? prompt.number };
    }

    /** Returns the sms: URI of a draft, the service's own if nothing was changed; '' without a number. */
    uri(prompt, { number, text }) {
        const clean = cleanNumber(number);
        if (!clean) return '';
        const unchanged = prompt.uri && prompt.number === clean && readURI(prompt.uri).text === text;
        return unchanged ? prompt.uri : makeURI(clean, text);
    }

    sentence(prompt) {
        if (prompt.test) return this.say('prompt-test');
        const count = prompt.about.length;
        return this.say(`prompt-${count > 1 ? 'many-' : ''}${prompt.reason}`, { name: this.name(prompt.with), count });
    }

    // ---- what the user does -------------------------------------------------------------------------------------

    /** Edits the draft, which survives whatever is drawn anew. */
    edit(prompt, change) {
        Object.assign(prompt, change);
        this.changed();
    }

    /** Takes the prompt for this client before an SMS is composed; false if it is no longer ours to send. */
    async claim(prompt) {
        if (prompt.mine) return true;
        const fault = await this.answer(prompt, 'claim');
        if (fault && fault !== 'lost') return false;
        // A service that is silent must not keep anyone from sending: the next click opens.
        this.edit(prompt, { mine: 'opened' });
        return !fault;
    }

    /** Reports whether one's own message can be sent as an SMS at once: it is late, and nothing asks about it. */
    canEscalate(message) {
        const state = this.state(message);
        const late = ['timeout-undelivered', 'timeout-unread', 'timeout'].includes(state);
        return late && !this.shown().some((p) => p.about.includes(message.get('msgid')));
    }

    /** Asks the service for a prompt about a message now. */
    async escalate(message) {
        const done = await this.service.escalate(message.get('msgid'), contactOf(message));
        if (!done) this.news(this.say('error-escalate'));
    }

    /** Answers for good: sent, declined, failed; or snooze. */
    async settle(prompt, action) {
        const fault = await this.answer(prompt, action, action === 'snooze' ? this.snooze : 0);
        if (fault) return;
        if (action !== 'snooze') this.store.settled.add(prompt.id);
        this.remove(prompt, this.say(action === 'snooze' ? 'gone-snoozed' : `thanks-${action}`));
    }

    async answer(prompt, action, seconds) {
        this.edit(prompt, { busy: true, note: '' });
        const fault = await this.service.answer(prompt.id, action, seconds);
        this.edit(prompt, { busy: false });
        if (['lost', 'wait', 'other'].includes(fault)) {
            this.edit(prompt, { note: fault });
            this.news(this.say(`error-${fault}`));
        } else if (fault) {
            this.takeWithdrawal({ id: prompt.id, reason: fault });
        }
        return fault;
    }
}

export const own = (message) => message.get('sender') === 'me' && message.get('type') === 'chat';

const contactOf = (message) => message.collection?.chatbox?.get('jid');

function save(message, entry) {
    if (entry !== message.get('tocsin')) message.save({ tocsin: entry });
}
