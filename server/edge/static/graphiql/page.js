// GraphiQL on this server: requests go to /graphql over HTTP, subscriptions over a websocket, both with the key that the
// Headers pane holds.
"use strict";

// In lines that the pane shows whole.
const firstQuery = `# Put a key into the Headers pane below:
# {"Authorization": "Bearer <key>"}
query FirstLook {
  viewer { kind tenantName mode }
  prices(first: 5) {
    nodes { model name tokenCost }
  }
}
`;

const socketUrl = new URL("/graphql", location.href);
socketUrl.protocol = location.protocol === "https:" ? "wss:" : "ws:";

// The same key would be refused again.
const keyRefused = 4403;

const clients = new Map();

// One socket for each key, opened when a subscription first needs it.
function clientFor(authorization) {
  if (!clients.has(authorization)) {
    const connectionParams = authorization ? { authorization } : {};
    const shouldRetry = (ended) => ended instanceof CloseEvent && ended.code !== keyRefused;
    clients.set(authorization, graphqlWs.createClient({ url: socketUrl.href, connectionParams, shouldRetry }));
  }
  return clients.get(authorization);
}

// What the pane shows last is why the subscription ended, and not the browser's event, of which it could show nothing.
async function* subscribe(client, request) {
  try {
    yield* client.iterate(request);
  } catch (ended) {
    const message = ended.reason || ended.message || "The server is not to be reached.";
    yield { errors: Array.isArray(ended) ? ended : [{ message }] };
  }
}

// The headers without an Authorization that names no key yet, so that the documentation loads before there is one.
function filledIn(headers) {
  const isEmpty = ([name, value]) => name.toLowerCase() === "authorization" && !/^bearer\s+\S/i.test(value);
  return Object.fromEntries(Object.entries(headers ?? {}).filter((header) => !isEmpty(header)));
}

function authorizationOf(headers) {
  return Object.entries(headers).find(([name]) => name.toLowerCase() === "authorization")?.[1];
}

async function fetcher(request, options) {
  const headers = filledIn(options?.headers);
  if (isSubscription(request, options?.documentAST)) {
    return subscribe(clientFor(authorizationOf(headers)), request);
  }
  const response = await fetch("/graphql", {
    method: "POST",
    headers: { ...headers, "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify(request),
  });
  return response.json();
}

function isSubscription(request, document) {
  const operations = (document?.definitions ?? []).filter((definition) => definition.kind === "OperationDefinition");
  const meant = operations.find((operation) => operation.name?.value === request.operationName) ?? operations[0];
  return meant?.operation === "subscription";
}

ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, {
    fetcher,
    defaultQuery: firstQuery,
    defaultHeaders: '{\n  "Authorization": "Bearer "\n}',
    defaultEditorToolsVisibility: "headers",
    isHeadersEditorEnabled: true,
    shouldPersistHeaders: true,
  }),
);
