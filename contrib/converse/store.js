// What has to survive a reload of the page but not the tab: the prompts on the screen, which of them are settled, the
// statuses of messages that are not here yet, and how far the service has been listened to. Each tab is a resource of
// its own, so each has its own: sessionStorage. What is known of a message is kept on the message itself.

const WAITING = 500; // statuses that wait for their message
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
            // Full, or forbidden: then it does not survive a reload.
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
