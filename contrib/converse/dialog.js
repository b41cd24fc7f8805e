// The client's own SMS screen: number and text, passed on by an sms: URI on a phone, and by a QR code for the phone's camera
// on a desktop, which has no SMS.

import { makeURI, measure } from './sms.js';

const READABLE = 1200; // bytes; cameras can't read larger codes off a screen

/** Opens the dialog, once the prompt is claimed: whoever sees the code is about to send. */
export async function openDialog({ env, prompts, say, settings, prompt }) {
    if (!(await prompts.claim(prompt)) && !prompt.mine) return;
    const { html, render } = env;
    const before = document.activeElement; // gets the focus back
    const dialog = document.createElement('dialog');
    dialog.className = 'tocsin-dialog';
    dialog.setAttribute('aria-labelledby', 'tocsin-dialog-title');
    (document.querySelector('converse-root') ?? document.body).append(dialog);

    const close = () => dialog.close();
    const settle = async (action) => {
        close();
        await prompts.settle(prompt, action);
    };
    const draw = async () => {
        const draft = prompts.draft(prompt);
        const { encoding, segments, left } = measure(draft.text);
        const uri = prompts.uri(prompt, draft);
        const code = settings.phone || !uri ? null : await picture(settings.qr, uri, makeURI(draft.number, ''));
        const edit = (change) => {
            prompts.edit(prompt, change);
            draw();
        };
        render(html`
            <h2 id="tocsin-dialog-title">${say('dialog-title', { name: prompts.name(prompt.with) })}</h2>
            <div class="tocsin-screen">
                <div class="tocsin-fields">
                    <label class="tocsin-number"><span>${say('number')}</span>
                        <input type="tel" .value=${draft.number} @input=${(e) => edit({ draftNumber: e.target.value })}></label>
                    <label class="tocsin-text"><span>${say('text')}</span>
                        <textarea rows="5" .value=${draft.text} @input=${(e) => edit({ draftText: e.target.value })}></textarea>
                        <small>${say(`count-${encoding}`, { segments, left })}</small></label>
                    ${draft.encrypted ? html`<p class="tocsin-warning">${say('encrypted')}</p>` : ''}
                </div>
                ${code ? html`<figure><img src=${code.src} alt=${say('qr-alt')} data-uri=${code.uri}>
                    <figcaption>${say(code.uri === uri ? 'dialog-scan' : 'dialog-long')}</figcaption></figure>`
                    : html`<p>${say('dialog-phone')}</p>`}
            </div>
            <div class="tocsin-actions">
                <button type="button" class="tocsin-button tocsin-primary" data-action="yes-sent" @click=${() => settle('sent')}>${say('yes-sent')}</button>
                <button type="button" class="tocsin-button" data-action="open" ?disabled=${!uri} @click=${() => follow(uri)}>${say('open')}</button>
                <button type="button" class="tocsin-button" data-action="close" @click=${close}>${say('close')}</button>
            </div>`, dialog);
    };
    const gone = () => prompts.shown().includes(prompt) || close(); // withdrawn while it is open
    prompts.addEventListener('change', gone);
    dialog.addEventListener('close', () => {
        prompts.removeEventListener('change', gone);
        dialog.remove();
        const there = before?.isConnected ? before : document.querySelector(`.tocsin-banner [data-action="compose"]`);
        there?.focus();
    });
    await draw();
    dialog.showModal();
}

/** Returns the QR code as an image, of the number alone if the code would otherwise be too dense to read. */
async function picture(library, whole, number) {
    const { default: qrcode } = await import(library);
    const uri = whole.length <= READABLE ? whole : number;
    const code = qrcode(0, uri.length < 300 ? 'M' : 'L');
    code.addData(uri, 'Byte');
    code.make();
    return { uri, src: `data:image/svg+xml,${encodeURIComponent(code.createSvgTag({ scalable: true, margin: 4 }))}` };
}

/** Opens a URI like a click on a link: in another application, while the page stays. */
export function follow(href) {
    const link = document.createElement('a');
    link.href = href;
    link.dataset.tocsin = 'follow';
    document.body.append(link);
    link.click();
    link.remove();
}
