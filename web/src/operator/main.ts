import { mount } from 'svelte';
import '../app.css';
import Operator from './operator.svelte';

const target = document.getElementById('app');
if (target === null) throw new Error('the page has no place for the app');
mount(Operator, { target });
