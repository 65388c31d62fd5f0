// Labels: what separates one use of a key or a hash from another (docs/vault.md, section 3).

export const STRETCH = "chatseal/v1 vault stretch";
export const WRAP = "chatseal/v1 vault wrap";
export const FINGERPRINT = "chatseal/v1 vault fingerprint";
export const ANSWER = "chatseal/v1 vault answer";
