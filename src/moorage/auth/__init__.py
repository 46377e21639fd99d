"""Who the client is, and what it may do. Controllers take values, not requests, so each is tested without HTTP.

The contract
    base          what an access controller and a token service promise
    scopes        the scope grammar: `repository:team/app:pull,push`

Controllers
    silly         accepts any Authorization header, for development
    htpasswd      checks the passwords of a password file
    token         accepts signed tokens of a token service
    oidc          accepts ID tokens of an OpenID provider
    extensions    loads controllers of other packages
    guarded       turns every failure of such a controller into a refusal

Rules
    ruled         narrows any controller by the `access:` list
    rules         the rules, and their decisions
    ruling        the rules together with the groups of a user
    globs         globs of repository names
    groups        the group file
    explaining    why the rules allow an access or deny it

Passwords
    basic         the header `Authorization: Basic`
    passwords     the password file
    remembered    credentials that were right a short while ago
    throttle      which clients guess too often

The built-in token service
    issuer        the answers of `/auth/token`
    issued        accepts the tokens of the service, as far as the rules still allow
    minting       access tokens
    granting      which of the requested scopes a token gets
    refreshing    refresh tokens
    packing       the access of many repositories in one token
    stamps        ends the tokens of a user when the password changes
    signing       the signing keys, kept in the storage
    signingkey    one signing key

Verification of tokens
    verification  signature, claims and time
    verified      tokens that were verified before
    compact       the serialized form of a token
    claims        the claims of a registry token
    idtokens      the claims of an ID token
    mapping       the user and the groups that the claims of an ID token name
    strictjson    JSON that can be read in only one way
    base64url     base64url with one form for each value

Keys that tokens are verified by
    keysources    where keys come from
    keyfiles      key files
    remotekeys    keys under a URL
    discovery     keys of an OpenID provider
    keys          the trusted keys, and which of them fit a token
    jwk           one key of a JWK Set
    fingerprints  the names of a key
    chains        certificate chains in tokens

Support
    watched       files that are read again when they change
    kept          the last good content of such files, shared by the workers
    options       options of a controller in the configuration

Read `base`, then `ruled`.
"""
