// The text of an SMS: the number of segments, and the URIs for a composer. Pure functions.

// 3GPP TS 23.038 §6.2.1: the default alphabet, and the extension table whose characters take two septets.
const BASIC = '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà';
const EXTENDED = '\f^{}\\[~]|€';

/**
 * Returns how the text travels: its encoding, the number of segments, and how many units (septets or UTF-16 units) are
 * left in the last one. A character is never split between two segments.
 */
export function measure(text) {
    const characters = [...text];
    const gsm7 = characters.every((c) => BASIC.includes(c) || EXTENDED.includes(c));
    const size = gsm7 ? (c) => (EXTENDED.includes(c) ? 2 : 1) : (c) => c.length;
    const [single, each] = gsm7 ? [160, 153] : [70, 67];
    const total = characters.reduce((sum, c) => sum + size(c), 0);
    const encoding = gsm7 ? 'gsm7' : 'ucs2';
    if (total <= single) return { encoding, segments: total ? 1 : 0, left: single - total };
    let segments = 1;
    let used = 0;
    for (const c of characters) {
        if (used + size(c) > each) {
            segments++;
            used = 0;
        }
        used += size(c);
    }
    return { encoding, segments, left: each - used };
}

/** Returns the number that a person typed, as digits with an optional plus; '' if it is not a number. */
export function cleanNumber(typed) {
    const number = typed.replace(/[\s()./\u2010-\u2015-]/g, '');
    return /^\+?\d{3,15}$/.test(number) ? number : '';
}

/** Returns the number of a tel: URI (RFC 3966), '' if it is anything else. */
export function numberOfTel(uri) {
    return /^tel:(\+?\d{3,15})$/i.exec(uri ?? '')?.[1] ?? '';
}

/** Returns the number and the text of an sms: URI (RFC 5724), null if it is anything else, or more than that. */
export function readURI(uri) {
    const [, number, , body] = /^sms:(\+?\d{3,15})(\?body=([^&#?]*))?$/i.exec(uri ?? '') ?? [];
    if (!number) return null;
    try {
        return { number, text: decodeURIComponent(body ?? '') };
    } catch {
        return null; // broken percent-encoding
    }
}

// A lone surrogate has no UTF-8: encodeURIComponent would throw.
const encode = (text) => encodeURIComponent(text.replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, '\uFFFD'));

/** Returns the sms: URI: UTF-8, percent-encoded, never + for a space (RFC 5724 §2.2). */
export function makeURI(number, text) {
    return `sms:${number}` + (text && `?body=${encode(text)}`);
}

/** Returns the number and the gateway of an xmpp: URI that opens a chat with a number (RFC 5122, XEP-0147), null if it is anything else. */
export function readChatURI(uri) {
    const [, number, domain] = /^xmpp:(\+\d{3,15})@([^@/?#;\s]{1,1023})\?message;type=chat(?:;body=[^;&#?\s]*)?$/i.exec(uri ?? '') ?? [];
    if (!number) return null;
    try {
        const gateway = decodeURIComponent(domain).toLowerCase();
        return /^[\p{L}\p{M}\p{N}-]+(\.[\p{L}\p{M}\p{N}-]+)+$/u.test(gateway) ? { number, gateway } : null;
    } catch {
        return null; // broken percent-encoding
    }
}

/** Returns the xmpp: URI that opens a chat with a number at a gateway, with a text in it. */
export function makeChatURI(number, gateway, text) {
    return `xmpp:${number}@${encodeURIComponent(gateway)}?message;type=chat` + (text && `;body=${encode(text)}`);
}
