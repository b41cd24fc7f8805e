// One of the two: Converse.js with Tocsin's plugin, in a frame of the playground. What happens is told to the page
// around it: {kind: 'message' | 'prompt' | 'sms', …}.

import tocsin from './plugin/tocsin.js';

const { converse } = window;
const query = new URLSearchParams(location.search);
const user = query.get('user');
const other = user === 'alice' ? 'bob' : 'alice';
const facts = await (await fetch('facts.json')).json();
const tell = (what) => window.parent.postMessage(what, location.origin);

tocsin(converse);
converse.plugins.add('playground', {
    initialize() {
        const { _converse } = this;
        const { api } = _converse;
        // Converse's own footer has pictures from the network.
        api.elements.define('converse-footer', class extends HTMLElement {});

        // What this client confirms: 'nothing', 'receipts', or 'markers' too.
        let confirms = query.get('confirms');
        const unconfirmed = []; // {from, id, markable}: what a person would still confirm
        const contact = `${other}@${facts.domain}`;
        api.listen.on('parseMessage', (stanza, attrs) => {
            if (attrs.sender === 'them' && attrs.body && !attrs.is_archived && attrs.is_valid_receipt_request) {
                if (confirms !== 'markers') unconfirmed.push({ from: attrs.from, id: attrs.msgid, received: confirms === 'receipts' });
            }
            if (confirms === 'nothing') attrs.is_valid_receipt_request = false;
            if (confirms !== 'markers') attrs.is_markable = false;
            return attrs;
        });
        window.confirms = (what) => {
            confirms = what;
            const { stx } = converse.env;
            const send = (message, element) => api.send(stx`<message xmlns="jabber:client" to="${message.from}" type="chat" id="${crypto.randomUUID()}">${element}</message>`);
            if (what === 'nothing') return;
            for (const message of unconfirmed.filter((m) => !m.received)) {
                send(message, stx`<received xmlns="urn:xmpp:receipts" id="${message.id}"/>`);
                message.received = true;
            }
            if (what === 'receipts') return;
            // A marker covers all earlier messages.
            const last = unconfirmed.splice(0).pop();
            if (last) send({ from: contact }, stx`<displayed xmlns="urn:xmpp:chat-markers:0" id="${last.id}"/>`);
        };

        // What Alice sees, for the timeline.
        const watched = new WeakSet();
        const report = (message) => message.get('sender') === 'me' && message.get('body') && tell({
            kind: 'message', user, id: message.get('msgid'), text: message.get('body'), sent: message.get('time'),
            urgency: message.get('tocsin_urgency'), steps: message.get('tocsin')?.steps ?? [],
        });
        api.listen.on('chatBoxInitialized', (chat) => {
            if (watched.has(chat)) return;
            watched.add(chat);
            chat.messages.on('add change', report);
            chat.messages.models.forEach(report);
        });
        const listen = () => api.listen.stanza('message', (stanza) => {
            for (const name of ['escalate', 'withdraw']) {
                const [element] = stanza.getElementsByTagNameNS('urn:tocsin:escalation:0', name);
                if (element) tell({ kind: 'prompt', user, open: name === 'escalate', prompt: element.getAttribute('prompt'), id: element.getAttribute('id'), at: new Date().toISOString() });
            }
            return true;
        });
        api.listen.on('connected', listen);
        api.listen.on('reconnected', listen);
        api.listen.on('connected', () => tell({ kind: 'here', user }));
    },
});

// The phone's SMS app, which a desktop does not have, is played by the page around.
window.addEventListener('click', (event) => {
    const link = event.target.closest?.('a[href^="sms:"]');
    if (!link || event.defaultPrevented) return;
    event.preventDefault();
    tell({ kind: 'sms', user, uri: link.getAttribute('href') });
});

converse.initialize({
    jid: `${user}@${facts.domain}`,
    password: facts.passwords[user],
    websocket_url: facts.websocket,
    authentication: 'login',
    auto_login: true,
    discover_connection_methods: false,
    assets_path: new URL('plugin/node_modules/converse.js/dist/', location.href).pathname,
    view_mode: 'fullscreen',
    singleton: true,
    auto_join_private_chats: [`${other}@${facts.domain}`],
    allow_non_roster_messaging: true,
    blacklisted_plugins: ['converse-omemo', 'converse-omemo-views'],
    enable_smacks: false,
    play_sounds: false,
    show_desktop_notifications: false,
    show_send_button: true,
    visible_toolbar_buttons: { call: false, spoiler: false, emoji: true, location: false, toggle_occupants: false },
    persistent_store: 'sessionStorage',
    clear_cache_on_logout: true,
    whitelisted_plugins: ['tocsin', 'playground'],
    loglevel: 'error',
    nickname: user[0].toUpperCase() + user.slice(1),
    tocsin_snooze: 10,
    tocsin_phone: query.get('phone') === '1',
    i18n: query.get('lang') === 'zh' ? 'zh_CN' : 'en',
    theme: 'classic',
    dark_theme: 'dracula',
});
