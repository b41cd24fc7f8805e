// Receives, keeps and answers states and prompts. It knows nothing about rendering; it
// fires 'change' when something looks different, and 'news' with a sentence for screen readers.

import { children, readPrompt, readStatus, readWithdrawal } from './protocol.js';
import { join, observe, report, settled, shown } from './state.js';
import { cleanNumber, makeChatURI, makeURI, readURI } from './sms.js';

const OVER = ['displayed', 'delivered', 'answered', 'cancelled', 'expired', 'retracted', 'unknown']; // but not claimed or snoozed

export class Prompts extends EventTarget {
    /**
     * chat returns the conversation with a contact, if there is one, and name their display name; snooze is how long "not now"
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

    // ---- incoming -----------------------------------------------------------------------------------------------

    /** Handles a message stanza; only the service's have an effect. Archived copies never count as the service's. */
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

    /** Handles a contact's receipt or marker received by this client itself (XEP-0184, XEP-0333). */
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
        this.store.prompts.set(prompt.id, Object.assign(known ?? {}, prompt, { stanza, hidden: false, sending: false }));
        this.changed();
        if (!shown) this.news(this.say('new-prompt', { sentence: this.sentence(prompt) }));
    }

    takeWithdrawal(withdrawal) {
        if (!withdrawal) return;
        if (OVER.includes(withdrawal.reason)) this.store.settled.add(withdrawal.id);
        const prompt = this.store.prompts.get(withdrawal.id);
        if (prompt) this.remove(prompt, this.say(`gone-${withdrawal.reason}`, { name: this.name(prompt.with) }));
    }

    /** Handles the line that replaces an ended prompt on ordinary clients. */
    takeSettled(stanza) {
        const prompt = [...this.store.prompts.values()].find((p) => stanza && p.stanza === stanza);
        if (prompt) this.takeWithdrawal({ id: prompt.id, reason: 'unknown' });
    }

    remove(prompt, sentence) {
        this.store.prompts.delete(prompt.id);
        this.changed();
        if (sentence) this.news(sentence);
    }

    /** A new session gets its prompts again: those of the old one are hidden until then. */
    hidePrompts() {
        this.store.prompts.forEach((p) => (p.hidden = true));
        this.changed();
    }

    // ---- queries ------------------------------------------------------------------------------------------------

    message(contact, id) {
        return this.chat(contact)?.messages?.find((m) => own(m) && m.get('msgid') === id);
    }

    /** Returns what is known about a message, and stores it on the message if it arrived before the message. */
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

    /** Returns the prompts to show: those of this session about messages that are not known to be read. */
    shown() {
        const open = (prompt) => (id) => !settled(this.message(prompt.with, id)?.get('tocsin'));
        return [...this.store.prompts.values()].filter((p) => !p.hidden && p.about.some(open(p)));
    }

    /** Returns the message under which a prompt is shown, the newest it is about; undefined if none is loaded. */
    anchor(prompt) {
        const about = (m) => own(m) && prompt.about.includes(m.get('msgid')) && !settled(m.get('tocsin'));
        return this.chat(prompt.with)?.messages?.filter(about).pop();
    }

    promptUnder(message) {
        return this.shown().find((p) => p.about.includes(message.get('msgid')) && this.anchor(p) === message);
    }

    /** Returns the number and the text that an SMS would have: what the user typed, otherwise what the service sent. */
    draft(prompt) {
        const messages = this.chat(prompt.with)?.messages?.filter((m) => own(m) && prompt.about.includes(m.get('msgid'))) ?? [];
        const encrypted = messages.some((m) => m.get('is_encrypted'));
        // The service can't read encrypted messages: the text is our own plaintext of all messages of the prompt.
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

    /** Returns the chat with the number of a draft by the user's own gateway; null without one, or without a global number. */
    chatBy(prompt, { number, text }) {
        const clean = cleanNumber(number);
        if (!prompt.gateway || !clean.startsWith('+')) return null;
        return { jid: `${clean}@${prompt.gateway}`, text, uri: makeChatURI(clean, prompt.gateway, text) };
    }

    sentence(prompt) {
        if (prompt.test) return this.say('prompt-test');
        const count = prompt.about.length;
        return this.say(`prompt-${count > 1 ? 'many-' : ''}${prompt.reason}`, { name: this.name(prompt.with), count });
    }

    // ---- actions of the user ------------------------------------------------------------------------------------

    /** Edits the draft, which survives re-rendering. */
    edit(prompt, change) {
        Object.assign(prompt, change);
        this.changed();
    }

    /** Claims the prompt for this client before an SMS is composed; false if this client may no longer send it. */
    async claim(prompt) {
        if (prompt.mine) return true;
        const fault = await this.answer(prompt, 'claim');
        if (fault && fault !== 'lost') return false;
        // A silent service must not prevent sending: the next click opens the composer.
        this.edit(prompt, { mine: 'opened' });
        return !fault;
    }

    /** Reports whether one's own message can be sent as an SMS now: it is late, and no prompt is about it. */
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

    /** Reports whether the service can be asked to send the SMS: to the number it knows, not to one typed here. */
    canSend(prompt) {
        const { number } = this.draft(prompt);
        return prompt.sends && !prompt.busy && (prompt.draftNumber === undefined || cleanNumber(number) === prompt.number);
    }

    /** Has the service send the SMS: with the text that was typed. The plaintext of an encrypted message is never given to it. */
    async send(prompt) {
        const { encrypted, text } = this.draft(prompt);
        const own = encrypted || text === prompt.text ? '' : text;
        const fault = await this.answer(prompt, 'send', 0, own);
        if (!fault) this.edit(prompt, { sending: true });
        if (fault === 'refused') this.edit(prompt, { sends: false });
        if (fault === 'lost') this.edit(prompt, { note: 'send-lost' });
    }

    /** Sends an answer: sent, declined or failed; or snooze. */
    async settle(prompt, action) {
        const fault = await this.answer(prompt, action, action === 'snooze' ? this.snooze : 0);
        if (fault) return;
        if (action !== 'snooze') this.store.settled.add(prompt.id);
        this.remove(prompt, this.say(action === 'snooze' ? 'gone-snoozed' : `thanks-${action}`));
    }

    async answer(prompt, action, seconds, text) {
        this.edit(prompt, { busy: true, note: '' });
        const fault = await this.service.answer(prompt.id, action, seconds, text);
        this.edit(prompt, { busy: false });
        if (['lost', 'wait', 'refused', 'other'].includes(fault)) {
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
