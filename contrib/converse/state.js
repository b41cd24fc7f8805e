// What is known about one of our messages: the service's reports merged with the receipts and markers received by this
// client. It is stored on the message, as {seq, state, further, local, steps}. Pure functions.

const STEPS = 12; // kept of a message's history

/** Returns the entry after a <status/>; the same entry if the status is older than what is known. */
export function report(entry = {}, status) {
    if (status.seq <= (entry.seq ?? 0)) return entry;
    const { seq, further, stamp, basis, sms } = status;
    const state = status.state === 'escalated' && ['failed', 'unsure'].includes(sms) ? `sms-${sms}` : status.state;
    const before = state === 'sms-failed' ? entry.steps?.filter((s) => s.state !== 'escalated') : entry.steps; // nobody was told
    return { ...entry, seq, state, further, steps: append(before, { state, stamp, basis }) };
}

/** Returns the entry after a receipt ('delivered') or a marker ('displayed') that this client has seen. */
export function observe(entry = {}, state, stamp) {
    if (entry.local === 'displayed' || entry.local === state) return entry;
    const known = entry.steps?.some((s) => s.state === state);
    return { ...entry, local: state, steps: known ? entry.steps : append(entry.steps, { state, stamp, basis: 'local' }) };
}

/** Returns the entry after merging what arrived before its message. */
export function join(entry = {}, waiting) {
    if ((waiting.seq ?? 0) <= (entry.seq ?? 0)) return entry;
    return { ...waiting, local: entry.local, steps: waiting.steps.reduce(append, entry.steps) };
}

function append(steps = [], step) {
    return [...steps.filter((s) => s.state !== step.state), step].slice(-STEPS);
}

/** Returns the state to show. Read outranks everything; an SMS outranks the message's own delivery. */
export function shown(entry = {}) {
    const had = (state) => entry.steps?.some((s) => s.state === state);
    if (entry.local === 'displayed' || had('displayed')) return 'displayed';
    if (entry.state === 'failed' || entry.state === 'cancelled') return entry.state;
    if (had('escalated')) return 'escalated';
    const unconfirmed = [undefined, 'pending', 'unknown', 'timeout-undelivered'].includes(entry.state);
    if (entry.local === 'delivered' && unconfirmed) return 'delivered';
    return entry.state === 'pending' || !entry.state ? 'sent' : entry.state;
}

/** Reports whether no more prompts about the message are due: it is read, no longer watched, or told by SMS. */
export function settled(entry) {
    return ['displayed', 'failed', 'cancelled', 'escalated'].includes(shown(entry));
}
