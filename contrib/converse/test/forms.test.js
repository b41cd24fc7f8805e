// The service's commands in Converse.js itself: the plugin has no part in them.

import { after, before, test } from 'node:test';
import { arrive, launch, quit } from './browser.js';

before(launch);
after(quit);

test('a number is bound by the form that Converse.js makes of the command', async () => {
    const alice = await arrive('alice', { height: 900 });
    const { page } = alice;
    const commands = page.locator('converse-adhoc-commands');
    await page.locator('.show-client-info').first().click();
    await page.getByRole('tab', { name: 'Commands' }).click();
    await commands.locator('input[name="jid"]').fill('tocsin.example.org');
    await commands.getByRole('button', { name: 'List available commands' }).click();
    await commands.getByText('My phone number').first().click();
    await commands.locator('input[name="number"]').fill('138 0013 8000');
    await alice.picture('converse-number');
    await commands.getByRole('button', { name: /complete/i }).click();
    await commands.getByText('+8613800138000').first().waitFor();
    await alice.close();
});
