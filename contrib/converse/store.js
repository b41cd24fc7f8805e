// What must survive a reload of the page but not the tab: the prompts shown, which of them are settled, the statuses of
// messages that are not loaded yet, and the sync token. Each tab is a separate resource, so this is in sessionStorage. What
// is known about a message is stored on the message itself.

const WAITING = 500; // statuses waiting for their messages
const SETTLED = 200; // prompts that must not come back

export class Store {
    /** @param {string} account the bare JID */
    constructor(account) {
        this.key = `tocsin:${account}`;
        const kept = read(this.key);
        this.resource = kept.resource ?? ''; // the full JID that the prompts were sent to
        this.service = kept.service ?? '';
        this.token = kept.token ?? '';
        this.prompts = new Map(kept.prompts);
        this.settled = new Set(kept.settled);
        this.waiting = new Map(kept.waiting);
    }

    save() {
        this.settled = new Set([...this.settled].slice(-SETTLED));
        this.waiting = new Map([...this.waiting].slice(-WAITING));
        const { resource, service, token, prompts, settled, waiting } = this;
        try {
            sessionStorage.setItem(this.key, JSON.stringify({
                resource, service, token, prompts: [...prompts], settled: [...settled], waiting: [...waiting],
            }));
        } catch {
            // Full or disabled: nothing survives a reload.
        }
    }

    clear() {
        sessionStorage.removeItem(this.key);
    }
}

function read(key) {
    try {
        return JSON.parse(sessionStorage.getItem(key)) ?? {};
    } catch {
        return {};
    }
}
