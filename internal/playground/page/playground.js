// The page around the two clients: the switch, the SMS that arrives, the timeline.

import { COLOURS, draw, stepsOf } from './timeline.js';
import { texts } from './texts.js';

const query = new URLSearchParams(location.search);
const lang = (query.get('lang') ?? navigator.language).startsWith('zh') ? 'zh' : 'en';
const say = (key, values = {}) => texts[lang][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
const facts = await (await fetch('facts.json')).json();
const frame = (user) => document.querySelector(`#${user} iframe`);

document.documentElement.lang = lang;
document.querySelectorAll('[data-say]').forEach((e) => (e.textContent = say(e.dataset.say)));
document.querySelector('nav').querySelectorAll('a').forEach((a) => a.lang === lang && a.setAttribute('aria-current', 'true'));

const chosen = () => document.querySelector('input[name="confirms"]:checked').value;
document.querySelector('fieldset').addEventListener('change', () => frame('bob').contentWindow.confirms?.(chosen()));
for (const user of ['alice', 'bob']) {
    const confirms = user === 'bob' ? chosen() : 'markers';
    frame(user).src = `client.html?${new URLSearchParams({ user, lang, confirms, phone: query.get('phone') ?? '' })}`;
}

// ---- what the clients tell ------------------------------------------------------------------------------------------

const messages = new Map();
const prompts = new Map();

window.addEventListener('message', ({ data, origin, source }) => {
    if (origin !== location.origin || ![frame('alice').contentWindow, frame('bob').contentWindow].includes(source)) return;
    if (data.kind === 'message' && data.user === 'alice') {
        messages.set(data.id, data);
        refresh();
    }
    if (data.kind === 'prompt' && data.user === 'alice') {
        const known = prompts.get(data.prompt);
        if (data.open) prompts.set(data.prompt, { id: data.id, from: known?.from ?? Date.parse(data.at) });
        else if (known) known.until = Date.parse(data.at);
        refresh();
    }
    if (data.kind === 'sms') showSMS(data.uri);
});

function showSMS(uri) {
    const [number, body = ''] = uri.replace('sms:', '').split('?body=');
    const box = document.querySelector('.sms');
    box.querySelector('small').textContent = say('sms', { number });
    box.querySelector('p').textContent = decodeURIComponent(body);
    box.hidden = false;
}
document.querySelector('.sms button').addEventListener('click', () => (document.querySelector('.sms').hidden = true));

// ---- the timeline -----------------------------------------------------------------------------------------------

const svg = document.querySelector('svg');
const legend = ['sent', 'delivered', 'displayed', 'timeout-unread', 'escalated', 'asked'];
document.querySelector('.legend').replaceChildren(...legend.map((state) => {
    const item = document.createElement('li');
    item.textContent = say(state);
    item.style.setProperty('--colour', COLOURS[state] ?? '#f59e0b');
    return item;
}));

function due(message, state) {
    const urgent = message.urgency === 'urgent' ? 0.5 : 1;
    return (state === 'sent' ? facts.undelivered : facts.unread) * urgent;
}

let scheduled;
function refresh() {
    cancelAnimationFrame(scheduled);
    scheduled = requestAnimationFrame(() => {
        const list = [...messages.values()].filter((m) => m.urgency !== 'none').sort((a, b) => Date.parse(a.sent) - Date.parse(b.sent));
        document.body.classList.toggle('started', list.length > 0);
        if (!list.length) return;
        const open = [...prompts.values()].map((p) => ({ ...p, until: p.until ?? settledAt(messages.get(p.id)) }));
        const moving = draw(svg, list, { now: Date.now(), say, due, prompts: open });
        document.querySelector('#told').replaceChildren(...list.slice(-6).map((m) => {
            const item = document.createElement('li');
            item.textContent = `${m.text}: ${stepsOf(m).map((s) => say(s.state)).join(', ')}`;
            return item;
        }));
        if (moving) setTimeout(refresh, 200);
    });
}

// The answer to a prompt ends it too.
function settledAt(message) {
    const step = message?.steps.find((s) => ['escalated', 'displayed', 'failed', 'cancelled'].includes(s.state));
    return step ? Date.parse(step.stamp) : undefined;
}

window.addEventListener('resize', refresh);
