// Made from schema.graphql by `make schema`.

/** Which types each union and interface can be. */
export const possibleTypes = {
  "AccountResult": [
    "AccountSuccess",
    "IdempotencyConflict",
    "InvalidInput",
    "NotFound"
  ],
  "AdvanceClockResult": [
    "AdvanceClockSuccess",
    "InvalidInput"
  ],
  "AffordableResult": [
    "Affordable",
    "InvalidInput",
    "InvalidParams",
    "NotFound",
    "UnknownModel"
  ],
  "ArchiveWorkflowResult": [
    "InvalidInput",
    "NotFound",
    "WorkflowSuccess"
  ],
  "CommitResult": [
    "AccountFrozen",
    "CommitSuccess",
    "HoldExceeded",
    "HoldExpired",
    "HoldNotOpen",
    "IdempotencyConflict",
    "InsufficientTokens",
    "InvalidInput",
    "InvalidParams",
    "LimitReached",
    "NotFound",
    "NotRefundable",
    "QuoteExpired",
    "RateLimited",
    "TierRequired",
    "UnknownModel"
  ],
  "CreateApiKeyResult": [
    "CreateApiKeySuccess",
    "InvalidInput",
    "NotFound"
  ],
  "CreateClientTokenResult": [
    "CreateClientTokenSuccess",
    "InvalidInput",
    "NotFound"
  ],
  "CreateTenantResult": [
    "CreateTenantSuccess",
    "InvalidInput"
  ],
  "EstimateResult": [
    "EstimateSuccess",
    "InvalidInput",
    "InvalidParams",
    "NotFound",
    "UnknownModel"
  ],
  "GrantResult": [
    "GrantSuccess",
    "IdempotencyConflict",
    "InsufficientTokens",
    "InvalidInput",
    "NotFound",
    "PromoNotActive",
    "RateLimited"
  ],
  "GrantTokensToManyResult": [
    "GrantTokensToManySuccess",
    "InvalidInput"
  ],
  "LimitResult": [
    "InvalidInput",
    "LimitSuccess",
    "NotFound"
  ],
  "ManageMembersResult": [
    "InvalidInput",
    "ManageMembersSuccess",
    "NotFound"
  ],
  "MarginResult": [
    "InvalidInput",
    "MarginSuccess"
  ],
  "MemberResult": [
    "InvalidInput",
    "MemberSuccess",
    "NotFound"
  ],
  "Node": [
    "Account",
    "AlertEvent",
    "Entry",
    "Grant",
    "Hold",
    "Member"
  ],
  "Problem": [
    "AccountFrozen",
    "HoldExceeded",
    "HoldExpired",
    "HoldNotOpen",
    "IdempotencyConflict",
    "InsufficientTokens",
    "InvalidInput",
    "InvalidParams",
    "InvalidPriceBook",
    "LimitReached",
    "NotFound",
    "NotRefundable",
    "PromoNotActive",
    "QuoteExpired",
    "RateLimited",
    "TierRequired",
    "UnknownModel"
  ],
  "ProjectResult": [
    "InvalidInput",
    "NotFound",
    "ProjectSuccess"
  ],
  "PromoCodeResult": [
    "InvalidInput",
    "NotFound",
    "PromoCodeSuccess"
  ],
  "PublishPriceBookResult": [
    "InvalidInput",
    "InvalidPriceBook",
    "PublishPriceBookSuccess"
  ],
  "ReleaseResult": [
    "HoldExpired",
    "HoldNotOpen",
    "IdempotencyConflict",
    "InvalidInput",
    "NotFound",
    "ReleaseSuccess"
  ],
  "ReserveResult": [
    "AccountFrozen",
    "HoldExpired",
    "HoldNotOpen",
    "IdempotencyConflict",
    "InsufficientTokens",
    "InvalidInput",
    "InvalidParams",
    "LimitReached",
    "NotFound",
    "QuoteExpired",
    "RateLimited",
    "ReserveSuccess",
    "TierRequired",
    "UnknownModel"
  ],
  "RevokeApiKeyResult": [
    "NotFound",
    "RevokeApiKeySuccess"
  ],
  "RotateApiKeyResult": [
    "InvalidInput",
    "NotFound",
    "RotateApiKeySuccess"
  ],
  "SetLimitsResult": [
    "InvalidInput",
    "NotFound",
    "SetLimitsSuccess"
  ],
  "WorkflowResult": [
    "InvalidInput",
    "InvalidParams",
    "NotFound",
    "UnknownModel",
    "WorkflowSuccess"
  ]
};

/** The types of which there are many values of one id, ordered by (version, asOf). */
export const snapshotTypes = ["Balance", "LimitStatus"];

/** The types without an id of their own: a part of what they were asked from. */
export const embeddedTypes = [
  "AccountConnection",
  "AccountEdge",
  "AccountFrozen",
  "AccountSuccess",
  "AdvanceClockSuccess",
  "Affordable",
  "AlertEventConnection",
  "AlertEventEdge",
  "AlertSettings",
  "ApiKeyConnection",
  "ApiKeyEdge",
  "BurnedGrant",
  "Capture",
  "CapturedLineCheck",
  "ChangeConnection",
  "ChangeDetail",
  "ChangeEdge",
  "ChargeExplanation",
  "CommitSuccess",
  "CostStep",
  "CreateClientTokenSuccess",
  "CreateTenantSuccess",
  "EntryConnection",
  "EntryEdge",
  "Estimate",
  "EstimateLine",
  "EstimateSuccess",
  "ExcludedChoices",
  "Exclusion",
  "ExpiringTokens",
  "Forecast",
  "GiftFailure",
  "GrantConnection",
  "GrantEdge",
  "GrantSuccess",
  "GrantTokensToManySuccess",
  "HoldConnection",
  "HoldEdge",
  "HoldExceeded",
  "HoldExpired",
  "HoldNotOpen",
  "HoldsEvent",
  "IdempotencyConflict",
  "InputFault",
  "InsufficientTokens",
  "InvalidInput",
  "InvalidParams",
  "InvalidPriceBook",
  "LimitReached",
  "LimitSuccess",
  "LocalName",
  "ManageMembersSuccess",
  "Margin",
  "MarginSuccess",
  "MemberConnection",
  "MemberEdge",
  "MemberSuccess",
  "ModelMargin",
  "Money",
  "NotFound",
  "NotRefundable",
  "PageInfo",
  "Price",
  "PriceBook",
  "PriceBookChange",
  "PriceBookFault",
  "PriceBookVersion",
  "PriceBookVersionConnection",
  "PriceBookVersionEdge",
  "PriceChange",
  "PriceConnection",
  "PriceDimension",
  "PriceEdge",
  "Project",
  "ProjectConnection",
  "ProjectEdge",
  "ProjectSuccess",
  "PromoCodeConnection",
  "PromoCodeEdge",
  "PromoCodeSuccess",
  "PromoNotActive",
  "PublishPriceBookSuccess",
  "PublishedPriceBook",
  "QuoteExpired",
  "RateLimited",
  "ReleaseSuccess",
  "ReserveSuccess",
  "SetLimitsSuccess",
  "TenantConnection",
  "TenantEdge",
  "TierRequired",
  "UnknownModel",
  "UsageEvent",
  "UsageReport",
  "UsageRow",
  "UsageSum",
  "Viewer",
  "WorkReport",
  "Workflow",
  "WorkflowConnection",
  "WorkflowEdge",
  "WorkflowLine",
  "WorkflowSuccess"
];
