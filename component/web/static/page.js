// What a page does beside what it does without this: copy, keep the sms: link up to date, open it after the claim, and see
// that something changed elsewhere.
document.documentElement.classList.add('scripted');

const form = document.querySelector('form[data-state]');
const text = document.getElementById('text');
const link = document.getElementById('sms');

for (const button of document.querySelectorAll('.copy')) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener('click', async () => {
        await navigator.clipboard.writeText(text.value);
        button.textContent = button.dataset.done;
    });
}

if (link && text) {
    const number = link.getAttribute('href').split('?')[0];
    const via = document.getElementById('via');
    const chat = via?.getAttribute('href').split(';body=')[0];
    const follow = () => {
        if (via) via.href = text.value ? `${chat};body=${encodeURIComponent(text.value)}` : chat;
        link.href = text.value ? `${number}?body=${encodeURIComponent(text.value)}` : number;
    };
    text.addEventListener('input', follow);
    // The button that claimed was pressed to open the app.
    if (sessionStorage.getItem('opens') === location.pathname) {
        sessionStorage.removeItem('opens');
        location.href = link.href;
    }
}
document.querySelector('[data-opens]')?.addEventListener('click', () => sessionStorage.setItem('opens', location.pathname));

if (form) {
    let typed = false;
    text?.addEventListener('input', () => { typed = true; });
    const look = async () => {
        const answer = await fetch(`${location.pathname}/state`).catch(() => null);
        if (answer?.status === 404) return location.reload();
        if (answer?.ok && (await answer.json()).state !== form.dataset.state && !typed) return location.replace(location.pathname);
        setTimeout(look, 5000);
    };
    setTimeout(look, 5000);
}
