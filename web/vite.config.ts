import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: 'es2022',
    // Data URLs in style sheets are refused by nothing, but a file is cached once for all.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    // The licences of what is bundled ask to come with it; the hub serves them beside the page.
    license: { fileName: 'licenses.txt' },
    // How long each plugin took is no news to whoever starts a home.
    rolldownOptions: { input: ['index.html', 'operator.html'], checks: { pluginTimings: false } },
  },
});
