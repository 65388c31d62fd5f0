// What the page's scripts find besides what browsers have.

declare const hashwasm: typeof import("./vendor/hash-wasm");

declare var trustedTypes: { createPolicy(name: string, rules: { createScriptURL: (url: string) => string }): { createScriptURL(url: string): string } } | undefined;
