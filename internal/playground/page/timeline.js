// Draws the timeline: a lane for each message, from its sending on, in the colours of the states it goes through.

const LANE = 64; // pixels
const TOP = 14;
const LEFT = 168;
const RIGHT = 130; // room for the last label
const SHOWN = 6; // messages
export const COLOURS = {
    sent: '#8a94a6', unknown: '#8a94a6', delivered: '#3b82f6', displayed: '#1f9d55', 'timeout-undelivered': '#d97706',
    'timeout-unread': '#d97706', timeout: '#d97706', escalated: '#8b5cf6', failed: '#dc2626', cancelled: '#8a94a6',
};
const FINAL = ['displayed', 'failed', 'cancelled'];

/** Returns the steps of a message with their times in milliseconds, in the order in which they came. */
export function stepsOf(message) {
    const steps = message.steps.filter((s) => s.state !== 'pending').map((s) => ({ state: s.state, at: Date.parse(s.stamp) }));
    // The sending is timed by the browser, the rest by the service: both clocks are this machine's.
    return [{ state: 'sent', at: Date.parse(message.sent) }, ...steps.sort((a, b) => a.at - b.at)];
}

/** Draws the newest messages; returns whether anything still moves. */
export function draw(svg, messages, { now, say, due, prompts }) {
    const shown = messages.slice(-SHOWN);
    const lanes = shown.map((message) => ({ message, steps: stepsOf(message) }));
    const start = Math.min(...lanes.map((l) => l.steps[0].at));
    const moving = lanes.some((l) => !FINAL.includes(l.steps.at(-1).state));
    const last = Math.max(...lanes.map((l) => l.steps.at(-1).at));
    const end = Math.max(start + 15_000, moving ? now : last + 2000);
    const width = svg.clientWidth || 900;
    const x = (t) => LEFT + ((t - start) / (end - start)) * (width - LEFT - RIGHT);
    const height = TOP + lanes.length * LANE + 26;
    svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    svg.style.height = `${height}px`;
    svg.setAttribute('aria-label', say('line'));
    svg.replaceChildren();

    const add = (name, attributes, text) => {
        const node = document.createElementNS('http://www.w3.org/2000/svg', name);
        for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
        if (text !== undefined) node.textContent = text;
        return svg.appendChild(node);
    };

    // The axis: seconds since the first message shown.
    const tick = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600].find((s) => (end - start) / 1000 / s <= 12) ?? 1200;
    for (let s = 0; s * 1000 <= end - start; s += tick) {
        add('line', { x1: x(start + s * 1000), x2: x(start + s * 1000), y1: TOP, y2: height - 22, class: 'grid' });
        add('text', { x: x(start + s * 1000), y: height - 6, class: 'axis' }, `${s} s`);
    }

    lanes.forEach(({ message, steps }, i) => {
        const y = TOP + i * LANE + LANE / 2;
        add('text', { x: 4, y: y + 4, class: 'what' }, message.text.length > 20 ? `${message.text.slice(0, 19)}…` : message.text);
        steps.forEach((step, n) => {
            const until = steps[n + 1]?.at ?? (FINAL.includes(step.state) ? step.at : now);
            add('line', { x1: x(step.at), x2: Math.max(x(until), x(step.at)), y1: y, y2: y, stroke: COLOURS[step.state], class: 'run' });
        });
        // Where it will be overdue, as long as it may be.
        const state = steps.at(-1).state;
        const overdue = steps[0].at + due(message, state) * 1000;
        if (['sent', 'delivered'].includes(state) && overdue <= end) {
            add('line', { x1: x(overdue), x2: x(overdue), y1: y - 16, y2: y + 16, class: 'due' });
        }
        for (const prompt of prompts.filter((p) => p.id === message.id)) {
            const until = prompt.until ?? (FINAL.includes(state) ? steps.at(-1).at : now);
            add('rect', { x: x(prompt.from), width: Math.max(3, x(until) - x(prompt.from)), y: y + 9, height: 5, rx: 2.5, class: 'asked' }).appendChild(
                document.createElementNS('http://www.w3.org/2000/svg', 'title')).textContent = say('asked');
        }
        const free = { above: -Infinity, below: -Infinity };
        for (const group of gather(steps, (step) => x(step.at))) {
            const at = x(group[0].at);
            const after = ((group.at(-1).at - steps[0].at) / 1000).toFixed(1);
            const label = group.map((s) => say(s.state)).join(', ') + (group.at(-1).state === 'sent' ? '' : ` +${after} s`);
            const row = at >= free.above || free.above <= free.below ? 'above' : 'below';
            const from = Math.max(at - 5, free[row]); // pushed on by its neighbour
            free[row] = from + widthOf(label) + 10;
            group.forEach((step) => add('circle', { cx: x(step.at), cy: y, r: 6, fill: COLOURS[step.state], class: 'dot' }));
            add('text', { x: from, y: row === 'above' ? y - 13 : y + 27, class: 'step' }, label);
        }
        if (!FINAL.includes(state)) add('circle', { cx: x(now), cy: y, r: 3, fill: COLOURS[state], class: 'pulse' });
    });
    return moving;
}

/** Returns the steps in groups of those that lie too close for labels of their own. */
function gather(steps, x) {
    const groups = [];
    for (const step of steps) {
        const group = groups.at(-1);
        if (group && x(step) - x(group[0]) < 14) group.push(step);
        else groups.push([step]);
    }
    return groups;
}

function widthOf(label) {
    return [...label].reduce((sum, c) => sum + (c > '\u2e80' ? 12 : 6.4), 0);
}
