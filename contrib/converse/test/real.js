// The real service, as the stories know it.

import { stage } from './browser.js';

export const number = '+8613800138000'; // Bob's

/** The sms: URI that is suggested for a message of Alice's, in English. */
export const wrote = (text) => `sms:${number}?body=${encodeURIComponent(`alice@example.org wrote on example.org: ${text}`)}`;

/** Waits until the service has counted so many timeouts of a kind; without a count it returns how many there are. */
export async function timeouts(kind, count) {
    for (;;) {
        const text = await (await fetch(stage.metrics)).text();
        const sample = text.split('\n').find((l) => l.startsWith('tocsin_timeouts_total') && l.includes(`"${kind}"`));
        const now = Number(sample?.split(' ').pop() ?? 0);
        if (count === undefined || now >= count) return now;
        await new Promise((r) => setTimeout(r, 100));
    }
}
