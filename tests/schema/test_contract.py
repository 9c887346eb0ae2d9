"""The published shapes, transcribed by hand: a client that was written against them must go on working."""

from __future__ import annotations

from collections.abc import Iterable

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    Undefined,
    validate,
)
from graphql import parse as parse_document

from resolvers.roots import build_schema

SCHEMA: GraphQLSchema = build_schema()

OUTPUTS = {
    "Query": (
        "viewer:Viewer prices:PriceConnection price:Price estimate:EstimateResult packages:[Package!] "
        "plans:[Plan!] affordable:AffordableResult priceBooks:PriceBookVersionConnection "
        "priceBook:PublishedPriceBook margin:MarginResult usage:UsageReport apiKeys:ApiKeyConnection "
        "tenants:TenantConnection changes:ChangeConnection account:Account accounts:AccountConnection hold:Hold "
        "explainCharge:ChargeExplanation alertEvents:AlertEventConnection node:Node "
        "promoCodes:PromoCodeConnection workflow:Workflow workflows:WorkflowConnection project:Project "
        "projects:ProjectConnection"
    ),
    "Mutation": (
        "estimate:EstimateResult reserve:ReserveResult commit:CommitResult release:ReleaseResult "
        "extend:ReserveResult charge:CommitResult refund:CommitResult createTenant:CreateTenantResult "
        "createApiKey:CreateApiKeyResult revokeApiKey:RevokeApiKeyResult rotateApiKey:RotateApiKeyResult "
        "createClientToken:CreateClientTokenResult revokeClientTokens:AccountResult createAccount:AccountResult "
        "updateAccount:AccountResult grantTokens:GrantResult revokeGrant:GrantResult "
        "publishPriceBook:PublishPriceBookResult advanceClock:AdvanceClockResult setLimit:LimitResult "
        "setLimits:SetLimitsResult setAlerts:AccountResult createPromoCode:PromoCodeResult "
        "updatePromoCode:PromoCodeResult redeemPromoCode:GrantResult grantTokensToMany:GrantTokensToManyResult "
        "saveWorkflow:WorkflowResult archiveWorkflow:ArchiveWorkflowResult saveProject:ProjectResult"
    ),
    "Subscription": (
        "balance:Balance dailyLimit:LimitStatus lowBalance:LowBalanceWarning holds:HoldsEvent usage:UsageEvent"
    ),
    "LowBalanceWarning": (
        "id:ID! accountId:ID! version:Version! available:Tokens! thresholdPercent:Int thresholdTokens:Tokens "
        "snapshot:Boolean! autoTopUp:Boolean! at:DateTime!"
    ),
    "Problem": "code:ProblemCode! message:String!",
    "Node": "id:ID!",
    "InsufficientTokens": "code:ProblemCode! message:String! required:Tokens! available:Tokens!",
    "LimitReached": "code:ProblemCode! message:String! limit:LimitStatus! required:Tokens!",
    "RateLimited": "code:ProblemCode! message:String! retryAfterSeconds:Int!",
    "LimitStatus": (
        "id:ID! accountId:ID! version:Version! asOf:DateTime! scope:LimitScope! period:LimitPeriod! memberId:ID "
        "project:String limit:Tokens consumed:Tokens! remaining:Tokens level:LimitLevel! resetsAt:DateTime"
    ),
    "LimitSuccess": "limit:LimitStatus!",
    "SetLimitsSuccess": "limits:[LimitStatus!]!",
    "AccountFrozen": "code:ProblemCode! message:String!",
    "UnknownModel": "code:ProblemCode! message:String! model:String! suggestions:[String!]!",
    "InvalidParams": "code:ProblemCode! message:String! model:String! param:String",
    "QuoteExpired": "code:ProblemCode! message:String! expiredAt:DateTime!",
    "HoldExpired": "code:ProblemCode! message:String! expiredAt:DateTime!",
    "HoldNotOpen": "code:ProblemCode! message:String! state:HoldState!",
    "HoldExceeded": "code:ProblemCode! message:String! held:Tokens! required:Tokens!",
    "PromoNotActive": "code:ProblemCode! message:String!",
    "Workflow": (
        "slug:String! name:String! version:Int! lines:[WorkflowLine!]! note:String createdAt:DateTime! "
        "archivedAt:DateTime"
    ),
    "WorkflowLine": "ref:String model:String! params:Params! count:Int!",
    "Project": (
        "name:String! estimate:Tokens bufferPercent:Int! budget:Tokens actual:Tokens! createdAt:DateTime! "
        "archivedAt:DateTime"
    ),
    "ProjectSuccess": "project:Project!",
    "WorkflowSuccess": "workflow:Workflow!",
    "GrantTokensToManySuccess": "granted:Int! replayed:Int! failures:[GiftFailure!]! endCursor:String",
    "GiftFailure": "index:Int! problem:Problem",
    "PromoCodeSuccess": "promoCode:PromoCode!",
    "PromoCode": (
        "id:ID! code:String! tokens:Tokens! activeFrom:DateTime! activeTo:DateTime maxRedemptions:Int "
        "maxPerAccount:Int! audience:PromoAudience! accountExternalIds:[String!]! expiresAt:DateTime "
        "expiresAfterDays:Int priority:Int! note:String redemptions:Int! createdAt:DateTime!"
    ),
    "IdempotencyConflict": "code:ProblemCode! message:String!",
    "NotFound": "code:ProblemCode! message:String!",
    "InvalidInput": "code:ProblemCode! message:String! field:String! inputFaults:[InputFault!]!",
    "InputFault": "field:String! message:String!",
    "NotRefundable": "code:ProblemCode! message:String!",
    "InvalidPriceBook": "code:ProblemCode! message:String! faults:[PriceBookFault!]!",
    "PriceBookFault": "line:Int path:String! message:String!",
    "PublishPriceBookSuccess": (
        "priceBook:PriceBook! effectiveAt:DateTime! follows:Int added:[String!]! removed:[String!]! "
        "changed:[PriceChange!]! changes:[PriceBookChange!]! changeCount:Int!"
    ),
    "PriceChange": (
        "model:String! before:Tokens! after:Tokens! minBefore:Tokens! minAfter:Tokens! maxBefore:Tokens maxAfter:Tokens"
    ),
    "PriceBookChange": "path:String! before:String after:String",
    "PriceBookVersion": (
        "version:Int! slug:String! name:String! publishedAt:DateTime! effectiveAt:DateTime! inForce:Boolean!"
    ),
    "PublishedPriceBook": (
        "version:Int! slug:String! name:String! publishedAt:DateTime! effectiveAt:DateTime! inForce:Boolean! "
        "currency:String! tiers:[String!]! source:String!"
    ),
    "PriceBookVersionConnection": (
        "edges:[PriceBookVersionEdge!]! nodes:[PriceBookVersion!]! pageInfo:PageInfo! totalCount:Int!"
    ),
    "PriceBookVersionEdge": "cursor:String! node:PriceBookVersion!",
    "MarginSuccess": "margin:Margin!",
    "Margin": ("since:DateTime! until:DateTime! priceBookVersion:Int! models:[ModelMargin!]! total:ModelMargin!"),
    "ModelMargin": (
        "model:String uses:Long! tokens:Tokens! revenue:Money! providerCost:Money margin:Money marginPercent:String "
        "unknownLines:Long!"
    ),
    "Money": "minorUnits:Long! decimal:String! currency:String! formatted:String!",
    "Package": ("id:String! name:String! tokens:Tokens! bonusTokens:Tokens! price:Money! pricePerToken:String!"),
    "Plan": (
        "id:String! name:String! tier:String tokens:Tokens! bonusTokens:Tokens! price:Money! interval:PlanInterval! "
        "rollover:Boolean!"
    ),
    "Price": (
        "model:String! name:String! category:String! provider:String tier:String premium:Boolean! notes:String "
        "pricingType:PricingType! tokenCost:Tokens! minTokenCost:Tokens! maxTokenCost:Tokens "
        "dimensions:[PriceDimension!]!"
    ),
    "PriceDimension": (
        "name:String! type:DimensionType! unit:String values:[String!] default:String minimum:String maximum:String"
    ),
    "PriceConnection": "edges:[PriceEdge!]! nodes:[Price!]! pageInfo:PageInfo! totalCount:Int!",
    "PriceEdge": "cursor:String! node:Price!",
    "PageInfo": "hasNextPage:Boolean! hasPreviousPage:Boolean! startCursor:String endCursor:String",
    "PriceBook": "slug:String! version:Int! name:String! currency:String! tiers:[String!]! publishedAt:DateTime!",
    "Estimate": (
        "total:Tokens! lines:[EstimateLine!]! rounding:Tokens! money:Money priceBook:PriceBook! affordable:Boolean "
        "blockers:[Problem!]! warnings:[EstimateWarning!]! nearLimits:[LimitStatus!]! balanceAfter:Tokens"
    ),
    "EstimateLine": (
        "ref:String model:String! category:String! count:Int! unitCost:Tokens! cost:Tokens! minCost:Tokens! "
        "maxCost:Tokens pricingType:PricingType! priceBookVersion:Int! steps:[CostStep!]!"
    ),
    "CostStep": "label:String! amount:Tokens!",
    "Account": (
        "id:ID! externalId:String! name:String! kind:AccountKind! timeZone:TimeZone! creditLimit:Tokens! "
        "frozen:Boolean! referralCode:String! balance:Balance! limits:[LimitStatus!]! "
        "grants:GrantConnection! holds:HoldConnection! entries:EntryConnection! "
        "alerts:AlertSettings! alertEvents:AlertEventConnection! forecast:Forecast!"
    ),
    "AlertSettings": "lowBalancePercents:[Int!]! lowBalanceTokens:[Tokens!]! dailyLimitPercents:[Int!]!",
    "AlertEvent": (
        "id:ID! accountId:ID! kind:AlertKind! at:DateTime! version:Version! available:Tokens! thresholdPercent:Int "
        "thresholdTokens:Tokens rearmedAt:DateTime scope:LimitScope memberId:ID project:String consumed:Tokens "
        "limit:Tokens grantId:ID amount:Tokens expiresAt:DateTime"
    ),
    "AlertEventConnection": "edges:[AlertEventEdge!]! nodes:[AlertEvent!]! pageInfo:PageInfo! totalCount:Int!",
    "AlertEventEdge": "cursor:String! node:AlertEvent!",
    "UsageReport": (
        "rows:[UsageRow!]! total:Tokens! operations:Int! work:WorkReport timeZone:TimeZone! asOf:DateTime!"
    ),
    "UsageRow": (
        "date:Date ref:String model:String category:String memberId:ID project:String tokens:Tokens! refunded:Tokens! "
        "uses:Int! averagePerUse:Tokens"
    ),
    "WorkReport": (
        "committed:Long! cancelled:Long! failed:Long! filtered:Long! timedOut:Long! expired:Long! failedPercent:String "
        "filteredPercent:String"
    ),
    "UsageSum": (
        "date:Date model:String category:String memberId:ID project:String tokens:Tokens! refunded:Tokens! uses:Long! "
        "operations:Long!"
    ),
    "UsageEvent": (
        "accountId:ID! memberId:ID project:String version:Version! asOf:DateTime! snapshot:Boolean! today:UsageSum! "
        "dayEndsAt:DateTime! rows:[UsageSum!]! rest:UsageSum"
    ),
    "HoldsEvent": (
        "accountId:ID! memberId:ID version:Version! asOf:DateTime! snapshot:Boolean! openCount:Int! held:Tokens! "
        "holds:[Hold!]!"
    ),
    "Forecast": "averagePerDay:Tokens! daysLeft:Int runsOutOn:Date basis:Int!",
    "AccountConnection": "edges:[AccountEdge!]! nodes:[Account!]! pageInfo:PageInfo! totalCount:Int!",
    "AccountEdge": "cursor:String! node:Account!",
    "Balance": (
        "id:ID! accountId:ID! version:Version! total:Tokens! held:Tokens! available:Tokens! owed:Tokens! "
        "unlimited:Boolean! level:BalanceLevel! remainingPercent:Int expiringNext:ExpiringTokens asOf:DateTime! "
        "today:LimitStatus!"
    ),
    "ExpiringTokens": "amount:Tokens! expiresAt:DateTime!",
    "Grant": (
        "id:ID! source:GrantSource! amount:Tokens! remaining:Tokens! held:Tokens! priority:Int! expiresAt:DateTime "
        "createdAt:DateTime! note:String paid:Money"
    ),
    "GrantConnection": "edges:[GrantEdge!]! nodes:[Grant!]! pageInfo:PageInfo! totalCount:Int!",
    "GrantEdge": "cursor:String! node:Grant!",
    "Hold": (
        "id:ID! accountId:ID! project:String state:HoldState! amount:Tokens! captured:Tokens! remaining:Tokens! "
        "refunded:Tokens! rounding:Tokens! outcome:WorkOutcome lines:[EstimateLine!]! captures:[Capture!]! "
        "priceBook:PriceBook! createdAt:DateTime! expiresAt:DateTime! endedAt:DateTime description:String"
    ),
    "HoldConnection": "edges:[HoldEdge!]! nodes:[Hold!]! pageInfo:PageInfo! totalCount:Int!",
    "HoldEdge": "cursor:String! node:Hold!",
    "Capture": "amount:Tokens! lines:[EstimateLine!]! at:DateTime!",
    "Entry": (
        "id:ID! version:Version! kind:EntryKind! at:DateTime! totalChange:Tokens! heldChange:Tokens! "
        "owedChange:Tokens! spent:Tokens! availableAfter:Tokens! project:String ref:String model:String "
        "category:String holdId:ID grantId:ID note:String"
    ),
    "EntryConnection": "edges:[EntryEdge!]! nodes:[Entry!]! pageInfo:PageInfo! totalCount:Int!",
    "EntryEdge": "cursor:String! node:Entry!",
    "Viewer": (
        "kind:CredentialKind! scopes:[String!]! tenantId:ID tenantName:String mode:TenantMode accountId:ID "
        "memberId:ID role:MemberRole expiresAt:DateTime"
    ),
    "Affordable": "value:String unbounded:Boolean! cost:Tokens limitedBy:String",
    "ChargeExplanation": (
        "hold:Hold! priceBook:PriceBook! lines:[EstimateLine!]! burned:[BurnedGrant!]! limits:[LimitStatus!]! "
        "entries:[Entry!]! "
        "checks:[CapturedLineCheck!]! recomputed:Tokens matches:Boolean onCreditLine:Tokens! "
        "onCreditLineRefunded:Tokens! moreEntries:Boolean!"
    ),
    "BurnedGrant": "grantId:ID! source:GrantSource! amount:Tokens! refunded:Tokens!",
    "CapturedLineCheck": (
        "entryId:ID! ref:String model:String basis:ChargeBasis! charged:Tokens! recomputed:Tokens! matches:Boolean!"
    ),
    "EstimateSuccess": "estimate:Estimate! quote:Quote",
    "Quote": "id:ID! expiresAt:DateTime! estimate:Estimate!",
    "ReserveSuccess": "hold:Hold! balance:Balance! replayed:Boolean!",
    "CommitSuccess": "hold:Hold! balance:Balance! amount:Tokens! uncovered:Tokens! replayed:Boolean!",
    "ReleaseSuccess": "hold:Hold! balance:Balance! replayed:Boolean!",
    "GrantSuccess": "grant:Grant! balance:Balance! replayed:Boolean!",
    "AccountSuccess": "account:Account!",
    "CreateTenantSuccess": "tenantId:ID! secretKey:String!",
    "CreateApiKeySuccess": "id:ID! key:String!",
    "RevokeApiKeySuccess": "id:ID! revokedAt:DateTime!",
    "RotateApiKeySuccess": "id:ID! key:String! oldKeyEndsAt:DateTime!",
    "CreateClientTokenSuccess": "token:String! expiresAt:DateTime!",
    "ApiKey": (
        "id:ID! kind:ApiKeyKind! name:String! hint:String! accountId:ID createdAt:DateTime! lastUsedAt:DateTime "
        "tokensLastUsedAt:DateTime expiresAt:DateTime revokedAt:DateTime"
    ),
    "Tenant": "id:ID! slug:String! name:String! mode:TenantMode! createdAt:DateTime!",
    "Change": (
        "id:ID! at:DateTime! actor:CredentialKind! keyId:ID memberId:ID act:String! accountId:ID subject:String "
        "detail:[ChangeDetail!]!"
    ),
    "ChangeDetail": "name:String! value:String!",
    "AdvanceClockSuccess": "now:DateTime!",
}

ARGUMENTS = {
    "Query.viewer": "",
    "Query.prices": "filter:PriceFilter first:Int=100 after:String",
    "Query.price": "model:String!",
    "Query.estimate": "input:EstimateInput!",
    "Query.affordable": "input:AffordableInput!",
    "Query.packages": "",
    "Query.plans": "",
    "Query.priceBooks": "first:Int=50 after:String",
    "Query.priceBook": "version:Int",
    "Query.margin": "input:MarginInput!",
    "Query.account": "id:ID externalId:String",
    "Query.accounts": "first:Int=50 after:String search:String",
    "Query.hold": "id:ID!",
    "Query.explainCharge": "holdId:ID!",
    "Query.node": "id:ID!",
    "Query.apiKeys": "first:Int=50 after:String tenantId:ID",
    "Query.tenants": "first:Int=50 after:String",
    "Query.changes": "first:Int=50 after:String accountId:ID",
    "Mutation.estimate": "input:EstimateInput!",
    "Mutation.reserve": "input:ReserveInput!",
    "Mutation.commit": "input:CommitInput!",
    "Mutation.release": "input:ReleaseInput!",
    "Mutation.extend": "input:ExtendInput!",
    "Mutation.charge": "input:ReserveInput!",
    "Mutation.refund": "input:RefundInput!",
    "Mutation.createTenant": "input:CreateTenantInput!",
    "Mutation.createApiKey": "input:CreateApiKeyInput!",
    "Mutation.revokeApiKey": "input:RevokeApiKeyInput!",
    "Mutation.rotateApiKey": "input:RotateApiKeyInput!",
    "Mutation.createClientToken": "input:CreateClientTokenInput!",
    "Mutation.revokeClientTokens": "input:RevokeClientTokensInput!",
    "Mutation.createAccount": "input:CreateAccountInput!",
    "Mutation.updateAccount": "input:UpdateAccountInput!",
    "Mutation.grantTokens": "input:GrantTokensInput!",
    "Mutation.revokeGrant": "input:RevokeGrantInput!",
    "Mutation.publishPriceBook": "input:PublishPriceBookInput!",
    "Mutation.advanceClock": "input:AdvanceClockInput!",
    "Mutation.setLimit": "input:SetLimitInput!",
    "Mutation.setLimits": "input:SetLimitsInput!",
    "Account.limits": "memberId:ID project:String",
    "Subscription.balance": "accountId:ID sinceVersion:Version memberId:ID",
    "Subscription.dailyLimit": "accountId:ID sinceVersion:Version memberId:ID",
    "Subscription.lowBalance": "accountId:ID sinceVersion:Version",
    "Subscription.holds": "accountId:ID memberId:ID",
    "Subscription.usage": "accountId:ID memberId:ID project:String",
    "Account.balance": "",
    "Account.grants": "activeOnly:Boolean=true first:Int=50 after:String",
    "Account.holds": "state:HoldState first:Int=50 after:String",
    "Account.entries": (
        "first:Int=50 after:String afterVersion:Version kinds:[EntryKind!] project:String model:String from:DateTime "
        "to:DateTime memberId:ID order:EntryOrder=NEWEST_FIRST"
    ),
    "Query.usage": "input:UsageInput!",
}

INPUTS = {
    "PriceFilter": "category:String provider:String tier:String search:String models:[String!] premium:Boolean",
    "SetAlertsInput": (
        "accountId:ID accountExternalId:String lowBalancePercents:[Int!] lowBalanceTokens:[Tokens!] "
        "dailyLimitPercents:[Int!]"
    ),
    "LineInput": "ref:String model:String! params:Params count:Int=1",
    "EstimateInput": (
        "lines:[LineInput!] amount:Tokens workflow:WorkflowInput accountId:ID accountExternalId:String project:String"
    ),
    "WorkflowInput": "name:String! version:Int",
    "SaveWorkflowInput": (
        "accountId:ID accountExternalId:String name:String! slug:String lines:[LineInput!]! note:String"
    ),
    "SaveProjectInput": (
        "accountId:ID accountExternalId:String name:String! estimate:Tokens bufferPercent:Int budget:Tokens "
        "archived:Boolean"
    ),
    "ArchiveWorkflowInput": "accountId:ID accountExternalId:String name:String!",
    "AffordableInput": (
        "model:String! params:Params dimension:String! accountId:ID accountExternalId:String project:String"
    ),
    "WorkInput": "lines:[LineInput!] amount:Tokens quoteId:ID workflow:WorkflowInput",
    "ActualInput": "lines:[LineInput!] amount:Tokens",
    "ReserveInput": (
        "idempotencyKey:String! accountId:ID accountExternalId:String project:String work:WorkInput! "
        "ttlSeconds:Int=900 notAfter:DateTime description:String"
    ),
    "CommitInput": (
        "idempotencyKey:String! holdId:ID! actual:ActualInput final:Boolean=true overrun:OverrunPolicy=REFUSE"
    ),
    "ReleaseInput": "idempotencyKey:String! holdId:ID! outcome:WorkOutcome=CANCELLED note:String",
    "ExtendInput": "idempotencyKey:String! holdId:ID! ttlSeconds:Int work:WorkInput",
    "RefundInput": "idempotencyKey:String! holdId:ID! amount:Tokens reason:String",
    "UsageInput": (
        "accountId:ID accountExternalId:String from:Date! to:Date! groupBy:[UsageGroup!]! memberId:ID project:String "
        "model:String"
    ),
    "MarginInput": "days:Int=30 packageId:String",
    "CreateTenantInput": "slug:String! name:String! mode:TenantMode! priceBook:String!",
    "CreateApiKeyInput": "name:String! kind:ApiKeyKind! tenantId:ID accountId:ID expiresAt:DateTime",
    "RevokeApiKeyInput": "id:ID!",
    "RotateApiKeyInput": "id:ID! overlapSeconds:Int! expiresAt:DateTime",
    "CreateClientTokenInput": "accountId:ID accountExternalId:String memberId:ID memberExternalId:String "
    + "role:MemberRole=MEMBER ttlSeconds:Int=3600",
    "RevokeClientTokensInput": "accountId:ID! memberId:ID",
    "CreateAccountInput": (
        "externalId:String! name:String! kind:AccountKind=PERSONAL timeZone:TimeZone=UTC referredBy:String"
    ),
    "UpdateAccountInput": "accountId:ID! name:String timeZone:TimeZone frozen:Boolean creditLimit:Tokens",
    "GrantTokensInput": (
        "idempotencyKey:String! accountId:ID accountExternalId:String amount:Tokens! source:GrantSource=BONUS "
        "priority:Int=50 expiresAt:DateTime note:String"
    ),
    "GrantTokensToManyInput": (
        "idempotencyKey:String! accountIds:[ID!] accountExternalIds:[String!] everyone:Boolean=false after:String "
        "amount:Tokens! source:GrantSource=BONUS priority:Int=50 expiresAt:DateTime note:String"
    ),
    "RevokeGrantInput": "idempotencyKey:String! grantId:ID! note:String",
    "AdvanceClockInput": "seconds:Int!",
    "SetLimitInput": "accountId:ID! scope:LimitScope! period:LimitPeriod! memberId:ID project:String limit:Tokens",
    "SetLimitsInput": "accountId:ID! limits:[LimitSettingInput!]!",
    "LimitSettingInput": "scope:LimitScope! period:LimitPeriod! memberId:ID project:String limit:Tokens",
    "CreatePromoCodeInput": (
        "code:String! tokens:Tokens! activeFrom:DateTime activeTo:DateTime maxRedemptions:Int maxPerAccount:Int=1 "
        "audience:PromoAudience=EVERYONE accountExternalIds:[String!] expiresAt:DateTime expiresAfterDays:Int "
        "priority:Int=50 note:String"
    ),
    "UpdatePromoCodeInput": "id:ID! activeTo:DateTime maxRedemptions:Int maxPerAccount:Int note:String",
    "RedeemPromoCodeInput": "idempotencyKey:String! accountId:ID accountExternalId:String code:String!",
    "PublishPriceBookInput": "source:String! effectiveAt:DateTime dryRun:Boolean=false",
}

UNIONS = {
    "EstimateResult": "EstimateSuccess UnknownModel InvalidParams NotFound InvalidInput",
    "AffordableResult": "Affordable UnknownModel InvalidParams NotFound InvalidInput",
    "ReserveResult": (
        "ReserveSuccess InsufficientTokens LimitReached RateLimited AccountFrozen "
        "UnknownModel InvalidParams QuoteExpired HoldExpired "
        "HoldNotOpen IdempotencyConflict NotFound InvalidInput"
    ),
    "CommitResult": (
        "CommitSuccess InsufficientTokens LimitReached RateLimited AccountFrozen "
        "UnknownModel InvalidParams QuoteExpired HoldExpired "
        "HoldNotOpen HoldExceeded NotRefundable IdempotencyConflict NotFound InvalidInput"
    ),
    "ReleaseResult": "ReleaseSuccess HoldExpired HoldNotOpen IdempotencyConflict NotFound InvalidInput",
    "LimitResult": "LimitSuccess NotFound InvalidInput",
    "SetLimitsResult": "SetLimitsSuccess NotFound InvalidInput",
    "GrantResult": (
        "GrantSuccess InsufficientTokens PromoNotActive RateLimited IdempotencyConflict NotFound InvalidInput"
    ),
    "WorkflowResult": "WorkflowSuccess UnknownModel InvalidParams NotFound InvalidInput",
    "ArchiveWorkflowResult": "WorkflowSuccess NotFound InvalidInput",
    "ProjectResult": "ProjectSuccess NotFound InvalidInput",
    "PromoCodeResult": "PromoCodeSuccess NotFound InvalidInput",
    "AccountResult": "AccountSuccess NotFound InvalidInput",
    "CreateTenantResult": "CreateTenantSuccess InvalidInput",
    "CreateApiKeyResult": "CreateApiKeySuccess NotFound InvalidInput",
    "RevokeApiKeyResult": "RevokeApiKeySuccess NotFound",
    "RotateApiKeyResult": "RotateApiKeySuccess NotFound InvalidInput",
    "CreateClientTokenResult": "CreateClientTokenSuccess NotFound InvalidInput",
    "AdvanceClockResult": "AdvanceClockSuccess InvalidInput",
    "PublishPriceBookResult": "PublishPriceBookSuccess InvalidPriceBook InvalidInput",
}

WORDS = {
    "PricingType": "FLAT MATRIX FORMULA",
    "PlanInterval": "MONTH YEAR ONE_TIME",
    "DimensionType": "INTEGER NUMBER CHOICE BOOLEAN",
    "EstimateWarning": "LOW_BALANCE NEAR_DAILY_LIMIT",
    "LimitScope": "ACCOUNT MEMBER PROJECT",
    "LimitPeriod": "DAY WEEK MONTH TOTAL",
    "LimitLevel": "OK NEAR REACHED",
    "AccountKind": "PERSONAL TEAM",
    "BalanceLevel": "GREEN YELLOW RED",
    "GrantSource": ("PURCHASE PLAN TRIAL BONUS REFERRAL PROMO LOYALTY AUTO_TOP_UP ADJUSTMENT ASSIGNMENT TRANSFER"),
    "HoldState": "OPEN COMMITTED RELEASED EXPIRED",
    "WorkOutcome": "CANCELLED FAILED FILTERED TIMED_OUT",
    "EntryKind": (
        "GRANT HOLD CAPTURE ROUNDING RELEASE REFUND EXPIRY REVOCATION CLAWBACK SETTLEMENT TRANSFER "
        "ASSIGNMENT ADJUSTMENT"
    ),
    "EntryOrder": "NEWEST_FIRST OLDEST_FIRST",
    "OverrunPolicy": "REFUSE CAP CHARGE_AVAILABLE",
    "UsageGroup": "DAY WEEK MONTH MODEL CATEGORY MEMBER PROJECT REF",
    "ChargeBasis": "PRICE SET_ASIDE AMOUNT ROUNDING",
    "TenantMode": "LIVE TEST",
    "PromoAudience": "EVERYONE NEW_ACCOUNTS ACCOUNTS",
    "CredentialKind": "ROOT SECRET PARTNER CLIENT",
    "ApiKeyKind": "SECRET PARTNER",
    "MemberRole": "ADMIN MEMBER VIEWER",
}


def missing(promised: str, found: set[str]) -> list[str]:
    return [part for part in promised.split() if part not in found]


def with_default(name: str, type_: object, default: object) -> str:
    if default is None or default is Undefined:
        return f"{name}:{type_}"
    text = str(default).lower() if isinstance(default, bool) else getattr(default, "value", default)
    return f"{name}:{type_}={text}"


def test_every_output_field_has_its_type() -> None:
    wrong = {}
    for name, promised in OUTPUTS.items():
        named = SCHEMA.type_map[name]
        assert isinstance(named, GraphQLObjectType | GraphQLInterfaceType)
        found = {f"{field}:{definition.type}" for field, definition in named.fields.items()}
        wrong[name] = missing(promised, found)

    assert {name: parts for name, parts in wrong.items() if parts} == {}


def test_every_argument_has_its_type_and_default() -> None:
    wrong = {}
    for place, promised in ARGUMENTS.items():
        type_name, field = place.split(".")
        named = SCHEMA.type_map[type_name]
        assert isinstance(named, GraphQLObjectType)
        arguments = named.fields[field].args
        found = {with_default(name, given.type, given.default_value) for name, given in arguments.items()}
        wrong[place] = missing(promised, found)
        required = {f"{name}:{given.type}" for name, given in arguments.items() if str(given.type).endswith("!")}
        wrong[place] += [f"now required: {part}" for part in required - set(promised.split())]

    assert {place: parts for place, parts in wrong.items() if parts} == {}


def test_every_input_field_has_its_type_and_default() -> None:
    wrong = {}
    for name, promised in INPUTS.items():
        named = SCHEMA.type_map[name]
        assert isinstance(named, GraphQLInputObjectType)
        found = {with_default(field, given.type, given.default_value) for field, given in named.fields.items()}
        wrong[name] = missing(promised, found)
        required = {f"{field}:{given.type}" for field, given in named.fields.items() if str(given.type).endswith("!")}
        wrong[name] += [f"now required: {part}" for part in required - set(promised.split())]

    assert {name: parts for name, parts in wrong.items() if parts} == {}


def test_work_and_actual_take_exactly_one_member() -> None:
    for name in ("WorkInput", "ActualInput"):
        named = SCHEMA.type_map[name]
        assert isinstance(named, GraphQLInputObjectType)
        assert named.is_one_of


def test_every_union_has_its_members() -> None:
    wrong = {}
    for name, promised in UNIONS.items():
        named = SCHEMA.type_map[name]
        assert isinstance(named, GraphQLUnionType)
        wrong[name] = missing(promised, {member.name for member in named.types})

    assert {name: parts for name, parts in wrong.items() if parts} == {}


def test_every_word_is_there() -> None:
    wrong = {}
    for name, promised in WORDS.items():
        named = SCHEMA.type_map[name]
        assert isinstance(named, GraphQLEnumType)
        wrong[name] = missing(promised, set(named.values))

    assert {name: parts for name, parts in wrong.items() if parts} == {}


def test_enum_values_are_upper_case_and_mutation_results_may_be_null() -> None:
    for named in SCHEMA.type_map.values():
        if isinstance(named, GraphQLEnumType) and not named.name.startswith("__"):
            assert all(value.isupper() for value in named.values), named.name
    for root in (SCHEMA.query_type, SCHEMA.mutation_type, SCHEMA.subscription_type):
        assert root is not None
        assert [name for name, field in root.fields.items() if str(field.type).endswith("!")] == []


def test_no_union_gives_one_field_name_two_shapes() -> None:
    """Everything of every member is selected at once, which only validates where the shapes agree."""
    selected = set()
    for operation, root in (("query", SCHEMA.query_type), ("mutation", SCHEMA.mutation_type)):
        assert root is not None
        for field, definition in root.fields.items():
            union = definition.type
            if isinstance(union, GraphQLUnionType):
                selected.add(union.name)
                parts = everything_of(union.types)
                input_type = definition.args["input"].type
                document = f"{operation}($input: {input_type}) {{ {field}(input: $input) {{ {parts} }} }}"
                assert validate(SCHEMA, parse_document(document)) == []

    assert selected == {name for name, named in SCHEMA.type_map.items() if isinstance(named, GraphQLUnionType)}


def test_no_problem_gives_a_field_name_another_shape_than_the_others_do() -> None:
    """They stand side by side in `blockers`, and whoever selects from all of them needs no alias."""
    problem = SCHEMA.type_map["Problem"]
    assert isinstance(problem, GraphQLInterfaceType)
    parts = everything_of(SCHEMA.get_possible_types(problem))
    document = f"""query($input: EstimateInput!) {{ estimate(input: $input) {{
        ... on EstimateSuccess {{ estimate {{ blockers {{ {parts} }} }} }} }} }}"""

    assert validate(SCHEMA, parse_document(document)) == []


def everything_of(members: Iterable[GraphQLObjectType]) -> str:
    return " ".join(f"... on {member.name} {{ {leaves(member)} }}" for member in members)


def leaves(named: GraphQLObjectType) -> str:
    chosen = []
    for field, definition in named.fields.items():
        inner = SCHEMA.type_map[str(definition.type).strip("[]!")]
        chosen.append(f"{field} {{ __typename }}" if isinstance(inner, GraphQLObjectType) else field)
    return " ".join(chosen)
