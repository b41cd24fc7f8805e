// Tocsin for Converse.js 14: shows how far each of your messages has come and, when one is not confirmed in time,
// suggests an SMS with number and text filled in.
//
//     import tocsin from './tocsin.js';
//     tocsin(converse);
//     converse.initialize({ whitelisted_plugins: ['tocsin'], … });
//
// Settings: tocsin_service, tocsin_snooze, tocsin_phone, tocsin_qrcode. Style: tocsin.css. See docs/CLIENTS.md.

import { MARKERS, NS, NS_SMS, children } from './protocol.js';
import { Prompts, own } from './prompts.js';
import { Service } from './service.js';
import { Store } from './store.js';
import { defineElements } from './view.js';
import { openChats } from './chats.js';
import { speaker } from './texts.js';

export default (converse) => converse.plugins.add('tocsin', {
    initialize() {
        const { _converse } = this;
        const { api } = _converse;
        const { html, stx, Strophe } = converse.env;
        api.settings.extend({
            tocsin_service: '', // address of the service; by default the one found on the user's own server
            tocsin_snooze: 600, // seconds that "not now" lasts
            tocsin_phone: /Android|iPhone|iPad|iPod|Mobile/.test(navigator.userAgent), // has this device SMS itself?
            tocsin_qrcode: new URL('./node_modules/qrcode-generator/dist/qrcode.mjs', import.meta.url).href,
        });
        const say = speaker(api.settings.get('i18n'), ...navigator.languages);
        const service = new Service(converse, api, api.settings.get('tocsin_service'));
        const prompts = new Prompts({
            service, say,
            store: new Store(''),
            snooze: api.settings.get('tocsin_snooze'),
            chat: (jid) => _converse.state.chatboxes?.get(jid),
            name: (jid) => (_converse.state.chatboxes?.get(jid) ?? _converse.state.roster?.get(jid))?.getDisplayName() || jid,
        });
        const settings = { phone: api.settings.get('tocsin_phone'), qr: api.settings.get('tocsin_qrcode') };
        const chats = openChats({ api, prompts });
        defineElements({ env: converse.env, prompts, say, chats, settings });

        // ---- the session ----------------------------------------------------------------------------------------

        // Converse sends markers on request, but does not announce it, so nobody would expect them.
        api.listen.on('addClientFeatures', () => [NS, NS_SMS, MARKERS].forEach((f) => api.disco.own.features.add(f)));

        let found; // resolved when the service is known: earlier stanzas wait for it
        let present; // resolved when our presence is sent

        api.listen.on('afterResourceBinding', () => {
            const connection = api.connection.get();
            prompts.store = new Store(Strophe.getBareJidFromJid(connection.jid));
            found = Promise.withResolvers();
            present = Promise.withResolvers();
            if (connection.hasResumed?.() && prompts.store.service) {
                // A resumed stream continues (XEP-0198) with its old resource; no presence is sent again.
                service.jid ||= prompts.store.service;
                found.resolve();
                present.resolve();
            } else {
                if (prompts.store.resource !== connection.jid) prompts.hidePrompts(); // the service knows the old ones by it
                prompts.store.resource = connection.jid;
            }
            const { promise } = found;
            api.listen.stanza('message', (stanza) => {
                promise.then(() => prompts.receive(stanza));
                return true;
            });
        });

        const arrive = async () => {
            const [done, sent] = [found, present.promise];
            if (await service.find()) {
                prompts.store.service = service.jid;
                await sent;
                await service.greet();
            }
            done.resolve();
            if (service.jid) {
                await service.sync(prompts.store.token, (statuses, token) => {
                    prompts.takeStatuses(statuses);
                    prompts.store.token = token;
                });
            }
            prompts.changed();
        };
        api.listen.on('connected', arrive);
        api.listen.on('reconnected', arrive);
        api.listen.on('constructedPresence', (_, presence) => {
            const { attributes } = presence.tree();
            if (!attributes.to && !attributes.type) setTimeout(() => present?.resolve()); // it is sent after this hook
            return presence;
        });
        api.listen.on('clearSession', () => prompts.store.clear());

        // ---- outgoing -------------------------------------------------------------------------------------------

        api.listen.on('getOutgoingMessageAttributes', (chat, attrs) => {
            if (chat.get('type') !== 'chatbox') return attrs;
            const urgency = chat.get('tocsin_urgency') ?? 'normal';
            // Urgent is for one message: if it stayed on, it would soon be on for everything.
            if (urgency === 'urgent') chat.save({ tocsin_urgency: 'normal' });
            return { ...attrs, tocsin_urgency: urgency };
        });

        api.listen.on('createMessageStanza', (chat, data) => {
            const { message, stanza } = data;
            if (message.get('type') !== 'chat' || !message.get('body')) return data;
            // Converse itself asks for a receipt (XEP-0184), but not for a marker (XEP-0333).
            stanza.cnode(stx`<markable xmlns="${MARKERS}"/>`).root();
            // The language of an SMS about it, which servers otherwise set to English.
            stanza.tree().setAttributeNS('http://www.w3.org/XML/1998/namespace', 'xml:lang', say.language);
            const urgency = message.get('tocsin_urgency');
            if (!message.get('edited')) stanza.cnode(hint(urgency)).root(); // a correction is watched with its original
            return data;
        });

        const hint = (urgency) => urgency === 'none' ? stx`<track xmlns="${NS}" until="none"/>`
            : stx`<track xmlns="${NS}" priority="${urgency === 'urgent' ? 'urgent' : 'normal'}"/>`;

        api.listen.on('getToolbarButtons', (toolbar, buttons) => {
            if (!toolbar.is_groupchat) buttons.push(html`<tocsin-urgency .chat=${toolbar.model}></tocsin-urgency>`);
            return buttons;
        });

        // ---- incoming -------------------------------------------------------------------------------------------

        // Receipts and markers, also from the archive and of other devices. Converse does not use them to mark messages as read.
        api.listen.on('parseMessage', (stanza, attrs) => {
            if (attrs.sender === 'me' && children(stanza, 'track').some((t) => t.getAttribute('until') === 'none')) {
                return { ...attrs, tocsin_urgency: 'none' }; // sent by another device
            }
            if (attrs.sender !== 'them' || stanza.getAttribute('type') === 'error') return attrs;
            const marker = ['displayed', 'acknowledged'].flatMap((name) => children(stanza, name, MARKERS))[0];
            const id = marker?.getAttribute('id') ?? attrs.receipt_id;
            if (id) prompts.takeEvidence(attrs.contact_jid, id, marker ? 'displayed' : 'delivered', attrs.time);
            return attrs;
        });

        // Converse re-renders a message's actions whenever the message changes: one element per message, put back every
        // time, keeps what the user is typing in it.
        const elements = new WeakMap();
        api.listen.on('getMessageActionContent', (actions, content) => {
            const message = actions.model;
            if (!own(message)) return content;
            if (!elements.has(message)) {
                const element = document.createElement('tocsin-message');
                element.message = message;
                elements.set(message, element);
            }
            return html`${content}${elements.get(message)}`;
        });
    },
});
