// Rendering: the state under each own message, the banner under a message with a prompt, the choice of urgency in the
// composer, and the tray for prompts out of view. All text is set as text.

import { measure } from './sms.js';
import { follow, openDialog } from './dialog.js';

/** Formats a number of seconds: "2 min". */
function duration(seconds, say) {
    return seconds >= 60 ? say('minutes', { count: Math.round(seconds / 60) }) : say('seconds', { count: seconds });
}

/** Defines the elements. They share the prompts, and re-render when these change. */
export function defineElements({ env, prompts, say, chats, settings }) {
    const { html, render, dayjs, nothing } = env;

    class Part extends HTMLElement {
        connectedCallback() {
            this.draw = () => render(this.template() ?? nothing, this);
            prompts.addEventListener('change', this.draw);
            this.draw();
        }

        disconnectedCallback() {
            prompts.removeEventListener('change', this.draw);
        }
    }

    // ---- the state under an own message, and the banner ---------------------------------------------------------

    const ICONS = {
        sent: '✓', unwatched: '✓', unknown: '✓', delivered: '✓✓', displayed: '✓✓', failed: '✕', cancelled: '–',
        'timeout-undelivered': '◷', 'timeout-unread': '◷', timeout: '◷', escalated: '✆', 'sms-failed': '✕', 'sms-unsure': '✆',
    };

    function when(stamp) {
        const at = dayjs(stamp);
        return at.isSame(dayjs(), 'day') ? at.format('HH:mm:ss') : at.format('ll HH:mm');
    }

    function step({ state, stamp, basis }) {
        const label = say(state === 'pending' ? 'sent' : state);
        return html`<li><time datetime=${stamp}>${when(stamp)}</time> ${label}${basis ? html` <i>${say(`by-${basis}`)}</i>` : ''}</li>`;
    }

    /** Puts the history above its state, or below where there is no room. */
    function place({ currentTarget: line }) {
        const history = line.querySelector('.tocsin-history');
        const { left, top, bottom } = line.getBoundingClientRect();
        const above = top - history.offsetHeight - 6;
        history.style.left = `${Math.max(6, Math.min(left, window.innerWidth - history.offsetWidth - 6))}px`;
        history.style.top = `${above > 6 ? above : bottom + 6}px`;
    }

    function stateLine(message) {
        const state = prompts.state(message);
        const entry = message.get('tocsin') ?? {};
        const steps = (entry.steps ?? []).filter((s) => s.state !== 'pending');
        const sent = { state: 'sent', stamp: message.get('time') };
        const unprovable = state === 'delivered' && entry.further === 'unknown';
        return html`<span class="tocsin-state" data-state=${state} tabindex="0" @mouseenter=${place} @focus=${place}>
            <span aria-hidden="true">${ICONS[state]}</span> ${say(state)}
            <span class="tocsin-history" role="tooltip">
                <b>${say('history')}</b>
                <ul>${[sent, ...steps].map(step)}</ul>
                ${unprovable ? html`<i>${say('unprovable')}</i>` : ''}
            </span>
        </span>`;
    }

    // Converse removes this element and puts it back when its message changes: typing in it must not be interrupted.
    class Message extends Part {
        constructor() {
            super();
            this.addEventListener('focusin', (e) => (this.last = e.target));
            this.addEventListener('focusout', (e) => e.relatedTarget && (this.last = undefined));
        }

        connectedCallback() {
            super.connectedCallback();
            if (document.activeElement === document.body) this.last?.focus();
        }

        template() {
            const prompt = prompts.promptUnder(this.message);
            return html`${stateLine(this.message)}
                ${prompt ? html`<tocsin-banner .prompt=${prompt}></tocsin-banner>` : ''}
                ${prompts.canEscalate(this.message) ? this.now() : ''}`;
        }

        /** The way to an SMS for an overdue message without a prompt. */
        now() {
            const escalate = async () => {
                this.busy = true;
                this.draw();
                await prompts.escalate(this.message);
                this.busy = false;
                this.draw();
            };
            return html`<button type="button" class="tocsin-now" data-action="now" ?disabled=${this.busy} @click=${escalate}>${say('now')}</button>`;
        }
    }

    function button(name, run, { primary = false, disabled = false, label = name } = {}) {
        return html`<button type="button" class="tocsin-button ${primary ? 'tocsin-primary' : ''}" data-action=${name}
            ?disabled=${disabled} @click=${run}>${say(label)}</button>`;
    }

    class Banner extends Part {
        connectedCallback() {
            super.connectedCallback();
            this.observer = new IntersectionObserver(([e]) => chats.seen(this.prompt.id, e.isIntersecting), { threshold: 0.3 });
            this.observer.observe(this.firstElementChild);
        }

        disconnectedCallback() {
            super.disconnectedCallback();
            this.observer.disconnect();
            chats.seen(this.prompt.id, false);
        }

        template() {
            const { prompt } = this;
            if (!prompt) return nothing;
            const heading = `tocsin-${prompt.id}`;
            return html`<section class="tocsin-banner ${prompt.urgent ? 'tocsin-urgent' : ''}" aria-labelledby=${heading}>
                <p class="tocsin-heading" id=${heading}><span aria-hidden="true">◷</span>
                    <span><b>${prompts.sentence(prompt)}</b> ${prompt.tried ? say(`tried-${prompt.tried}`) : ''}
                    ${prompt.sending ? say('sending') : prompt.mine ? say('did-you') : say('prompt-question')}</span></p>
                ${prompt.sending ? '' : prompt.mine ? this.opened(prompt) : this.open(prompt)}
                <p class="tocsin-note" role="status">${prompt.busy ? say('working') : prompt.note ? say(`error-${prompt.note}`) : ''}</p>
            </section>`;
        }

        open(prompt) {
            const draft = prompts.draft(prompt);
            const { encoding, segments, left } = measure(draft.text);
            const uri = prompts.uri(prompt, draft);
            const desktop = !settings.phone;
            const compose = () => openDialog({ env, prompts, say, settings, prompt });
            return html`
                <label class="tocsin-number"><span>${say(prompt.number ? 'number' : 'number-missing')}</span>
                    <input type="tel" autocomplete="tel" .value=${draft.number}
                        @input=${(e) => prompts.edit(prompt, { draftNumber: e.target.value })}></label>
                <label class="tocsin-text"><span>${say('text')}</span>
                    <textarea rows="2" placeholder=${say('text-empty')} .value=${draft.text}
                        @input=${(e) => prompts.edit(prompt, { draftText: e.target.value })}></textarea>
                    <small>${say(`count-${encoding}`, { segments, left })}</small></label>
                ${draft.encrypted ? html`<p class="tocsin-warning">${say('encrypted')}</p>` : ''}
                <div class="tocsin-actions">
                    ${this.link(prompt, uri, !desktop)}
                    ${this.chat(prompt, draft)}
                    ${button('compose', compose, { primary: desktop, disabled: !uri, label: desktop ? 'compose' : 'compose-phone' })}
                    ${prompt.sends ? button('send', () => prompts.send(prompt), { disabled: !prompts.canSend(prompt), label: draft.encrypted ? 'send-notice' : 'send' }) : ''}
                    ${button('copy', () => this.copy(draft.text))}
                </div>
                <div class="tocsin-actions tocsin-quiet">
                    ${button('told', () => prompts.settle(prompt, 'sent'), { disabled: prompt.busy })}
                    ${button('later', () => prompts.settle(prompt, 'snooze'), { disabled: prompt.busy })}
                    ${button('dont', () => prompts.settle(prompt, 'declined'), { disabled: prompt.busy })}
                </div>`;
        }

        opened(prompt) {
            const draft = prompts.draft(prompt);
            const uri = prompts.uri(prompt, draft);
            return html`<div class="tocsin-actions">
                ${button('yes-sent', () => prompts.settle(prompt, 'sent'), { primary: true, disabled: prompt.busy })}
                ${button('not-sent', () => prompts.settle(prompt, 'failed'), { disabled: prompt.busy })}
                ${uri ? html`<a class="tocsin-button" data-action="open-again" href=${uri}>${say('open-again')}</a>` : ''}
                ${this.chat(prompt, draft)}
            </div>`;
        }

        link(prompt, uri, primary) {
            if (!uri) return button('open', () => {}, { primary, disabled: true });
            return html`<a class="tocsin-button ${primary ? 'tocsin-primary' : ''}" data-action="open" href=${uri}
                @click=${(e) => claimThenFollow(e, prompt)}>${say('open')}</a>`;
        }

        /** The chat by the user's own gateway: it is opened here, whatever the system does with xmpp: links. */
        chat(prompt, draft) {
            const chat = prompts.chatBy(prompt, draft);
            if (!chat) return '';
            const open = async (event) => {
                event.preventDefault();
                if (await prompts.claim(prompt)) await chats.compose(chat.jid, chat.text);
            };
            return html`<a class="tocsin-button" data-action="chat" href=${chat.uri} @click=${open}>${say('chat', { gateway: prompt.gateway })}</a>`;
        }

        async copy(text) {
            await navigator.clipboard.writeText(text);
            prompts.news(say('copied'));
        }
    }

    /** Follows the link only once the prompt is ours, so that two devices do not send two SMS. */
    async function claimThenFollow(event, prompt) {
        const link = event.currentTarget;
        if (prompt.mine) return;
        event.preventDefault();
        const href = link.href;
        if (await prompts.claim(prompt)) follow(href);
    }

    // ---- the choice of urgency ----------------------------------------------------------------------------------

    class Urgency extends Part {
        template() {
            const chosen = this.chat.get('tocsin_urgency') ?? 'normal';
            const hint = (name) => say(name === 'urgent' && prompts.service.urgentAfter ? 'urgent-hint-after' : `${name}-hint`,
                { time: duration(prompts.service.urgentAfter, say) });
            const option = (name) => html`<option value=${name} title=${hint(name)} ?selected=${name === chosen}>${say(name)}</option>`;
            return html`<select class="tocsin-urgency" data-urgency=${chosen} aria-label=${say('urgency')} title=${hint(chosen)}
                .value=${chosen} @change=${(e) => this.choose(e.target.value)}>${['normal', 'urgent', 'none'].map(option)}</select>`;
        }

        choose(urgency) {
            this.chat.save({ tocsin_urgency: urgency });
            this.draw();
        }

        connectedCallback() {
            super.connectedCallback();
            this.chat.on('change:tocsin_urgency', this.draw);
        }

        disconnectedCallback() {
            super.disconnectedCallback();
            this.chat.off('change:tocsin_urgency', this.draw);
        }
    }

    // ---- prompts out of view, and news -------------------------------------------------------------------------

    class Tray extends Part {
        template() {
            const unseen = prompts.shown().filter((p) => !chats.sees(p.id));
            if (!unseen.length) return nothing;
            return html`<section class="tocsin-tray" aria-label=${say('tray-title')}>${unseen.map((p) => this.row(p))}</section>`;
        }

        row(prompt) {
            const here = prompts.anchor(prompt);
            const expanded = !here && this.expanded === prompt.id;
            const toggle = () => {
                this.expanded = expanded ? '' : prompt.id;
                this.draw();
            };
            return html`<div class="tocsin-row">
                ${expanded ? html`<tocsin-banner .prompt=${prompt}></tocsin-banner>` : html`<span>${prompts.sentence(prompt)}</span>`}
                ${button(expanded ? 'hide' : 'show', () => (here ? chats.show(prompt, here) : toggle()), { primary: !expanded })}
            </div>`;
        }
    }

    for (const [name, part] of Object.entries({ message: Message, banner: Banner, urgency: Urgency, tray: Tray })) {
        if (!customElements.get(`tocsin-${name}`)) customElements.define(`tocsin-${name}`, part);
    }
}
