import { mount } from 'svelte';
import './app.css';
import App from './app.svelte';

const target = document.getElementById('app');
if (target === null) throw new Error('the page has no place for the app');
mount(App, { target });
if ('serviceWorker' in navigator && import.meta.env.PROD)
  navigator.serviceWorker.register('/service-worker.js').catch((error: unknown) => console.warn(error));
