using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Gallery.Tests.Fuzzing;
using Gallery.Tests.Reliability;
using Gallery.Tests.Service;

namespace Gallery.Tests.Access;

/// <summary>Every operation of the OpenAPI document that the service serves, by every kind of caller.</summary>
public sealed partial class AccessMatrixTests(AccessFixture fixture) : IClassFixture<AccessFixture>
{
    private const string Prompt = "a prompt that is the owner's alone";

    private static readonly ConcurrentDictionary<Api, ApiDocument> Documents = new();
    private static readonly ECDsa ForgersEcKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private static readonly RSA ForgersRsaKey = RSA.Create(2048);
    private static readonly string[] Algorithms = ["HS256", "ES256", "RS256"];

    /// <summary>Those who are nobody here, by what is wrong with their credentials.</summary>
    private static readonly Dictionary<string, Func<TestIssuer, string, string, (string Name, string Value)?>> Strangers = new()
    {
        ["no key"] = (_, _, _) => null,
        ["another scheme"] = (_, _, _) => ("Authorization", $"Basic {GuardedService.Key}"),
        ["an empty token"] = (_, _, _) => ("Authorization", "Bearer "),
        ["bad key"] = (_, _, _) => ("X-API-Key", "gallery_guessed"),
        ["bad key as a token"] = (_, _, _) => GuardedService.Bearer("gallery_guessed"),
        ["a key's hash"] = (_, _, _) => ("X-API-Key", GuardedService.Hash(GuardedService.Key)),
        ["a token as a key"] = (issuer, algorithm, user) => ("X-API-Key", issuer.Token(algorithm, user)),
        ["no JWT"] = (_, _, _) => GuardedService.Bearer("e30.e30"),
        ["expired"] = (issuer, algorithm, user) => GuardedService.Bearer(issuer.Token(algorithm, user, ("exp", TestIssuer.In(-60)))),
        ["not yet valid"] = (issuer, algorithm, user) => GuardedService.Bearer(issuer.Token(algorithm, user, ("nbf", TestIssuer.In(60)))),
        ["without exp"] = (issuer, algorithm, user) => GuardedService.Bearer(issuer.Token(algorithm, user, ("exp", null))),
        ["wrong audience"] = (issuer, algorithm, user) => GuardedService.Bearer(issuer.Token(algorithm, user, ("aud", "anon"))),
        ["no audience"] = (issuer, algorithm, user) => GuardedService.Bearer(issuer.Token(algorithm, user, ("aud", null))),
        ["wrong issuer"] = (issuer, algorithm, user) => GuardedService.Bearer(issuer.Token(algorithm, user, ("iss", "https://evil.supabase.co/auth/v1"))),
        ["no issuer"] = (issuer, algorithm, user) => GuardedService.Bearer(issuer.Token(algorithm, user, ("iss", null))),
        ["no user"] = (issuer, algorithm, _) => GuardedService.Bearer(issuer.Token(algorithm, null)),
        ["algorithm none"] = (issuer, algorithm, user) => GuardedService.Bearer(TestIssuer.Sign("none", issuer.Payload(user), issuer.KeyId(algorithm), _ => [])),
        ["algorithm None"] = (issuer, algorithm, user) => GuardedService.Bearer(TestIssuer.Sign("None", issuer.Payload(user), issuer.KeyId(algorithm), _ => [])),
        ["signature cut off"] = (issuer, algorithm, user) => GuardedService.Bearer(TestIssuer.Sign(algorithm, issuer.Payload(user), issuer.KeyId(algorithm), _ => [])),
        ["HS256 signed with the public key"] = (issuer, algorithm, user) =>
            GuardedService.Bearer(TestIssuer.Sign("HS256", issuer.Payload(user), issuer.KeyId(algorithm), TestIssuer.Hmac(PublicKey(issuer, algorithm)))),
        ["HS256 signed with the public key's PEM"] = (issuer, algorithm, user) =>
            GuardedService.Bearer(TestIssuer.Sign("HS256", issuer.Payload(user), issuer.KeyId(algorithm), TestIssuer.Hmac(PublicKeyPem(issuer, algorithm)))),
        ["HS256 with a secret that the key set shows"] = (issuer, algorithm, user) => algorithm == "HS256"
            ? GuardedService.Bearer(TestIssuer.Sign("HS384", issuer.Payload(user), null, HMACSHA384Of))
            : GuardedService.Bearer(TestIssuer.Sign("HS256", issuer.Payload(user), "oct-1", issuer.Signer("HS256"))),
        ["the other family"] = (issuer, algorithm, user) => GuardedService.Bearer(issuer.Token(algorithm == "HS256" ? "ES256" : "HS256", user)),
        ["another's key"] = (issuer, algorithm, user) => GuardedService.Bearer(TestIssuer.Sign(algorithm, issuer.Payload(user), issuer.KeyId(algorithm), Forger(algorithm))),
        ["forged service_role"] = (issuer, algorithm, user) =>
            GuardedService.Bearer(TestIssuer.Sign(algorithm, issuer.Payload(user, ("role", "service_role")), issuer.KeyId(algorithm), Forger(algorithm))),
        ["service_role put into a good token"] = (issuer, algorithm, user) => GuardedService.Bearer(Tamper(issuer, algorithm, user)),
    };

    public static TheoryData<string, string> EveryStranger() => [.. Algorithms.SelectMany(algorithm => Strangers.Keys.Select(stranger => (algorithm, stranger)))];

    [Theory]
    [MemberData(nameof(EveryStranger))]
    public async Task A_stranger_reaches_nothing(string algorithm, string stranger)
    {
        var api = fixture.Api(algorithm);
        var refused = 0;
        await foreach (var (operation, owner, imageId) in EachAsync(api))
        {
            var credential = Strangers[stranger](fixture.Issuer, algorithm, owner);
            var before = await StateAsync(api, operation, imageId);
            foreach (var answer in await SendAsync(api, operation, imageId, owner, credential is { } header ? [header] : []))
            {
                Assert.Equal((operation.Id, operation.IsProtected ? 401 : TakesToken(operation) ? 404 : 200), (operation.Id, answer.Status));
                if (operation.IsProtected) refused++;
                Assert.Equal(operation.IsProtected, answer.Headers.WwwAuthenticate.Count == 1);
                Assert.DoesNotContain(Prompt, answer.Text, StringComparison.Ordinal);
                Assert.Null(answer.ETag);
                if (operation.IsProtected)
                    Assert.Equal(
                        stranger is not ("no key" or "another scheme" or "an empty token"),
                        answer.Headers.WwwAuthenticate.Single().Parameter!.Contains("error=\"invalid_token\"", StringComparison.Ordinal));
            }

            Assert.Equal(before, await StateAsync(api, operation, imageId));
        }

        Figures.Add($"access: refused, {algorithm}", stranger, refused);
    }

    [Theory]
    [InlineData("HS256")]
    [InlineData("ES256")]
    [InlineData("RS256")]
    public async Task An_owner_may_do_with_their_own_what_the_document_allows(string algorithm)
    {
        var api = fixture.Api(algorithm);
        await foreach (var (operation, owner, imageId) in EachAsync(api))
            foreach (var answer in await SendAsync(api, operation, imageId, owner, GuardedService.Bearer(fixture.Issuer.Token(algorithm, owner))))
                Assert.Contains((operation.Id, answer.Status), Allowed(operation, !operation.IsProtected || operation.AllowedTo.Any(caller => caller is "owner" or "users")));
    }

    [Theory]
    [InlineData("HS256")]
    [InlineData("ES256")]
    [InlineData("RS256")]
    public async Task Another_user_learns_and_changes_nothing(string algorithm)
    {
        var api = fixture.Api(algorithm);
        await foreach (var (operation, owner, imageId) in EachAsync(api))
        {
            var before = await StateAsync(api, operation, imageId);
            var other = GuardedService.Bearer(fixture.Issuer.Token(algorithm, $"other_{Guid.NewGuid():N}", ("role", "service_role")));   // its role is no right
            foreach (var answer in await SendAsync(api, operation, imageId, userId: null, other))
            {
                Assert.Contains((operation.Id, answer.Status), ToOthers(operation));
                Assert.DoesNotContain(Prompt, answer.Text, StringComparison.Ordinal);
                Assert.Null(answer.ETag);
            }

            if (TakesUserId(operation))
                foreach (var answer in await SendAsync(api, operation, imageId, owner, other))
                    Assert.Equal((operation.Id, 403), (operation.Id, answer.Status));
            Assert.Equal(before, await StateAsync(api, operation, imageId));
        }
    }

    [Theory]
    [InlineData("client_id", "\"9a8b7c6d\"", "forbidden_oauth_client")]
    [InlineData("is_anonymous", "true", "forbidden_anonymous_user")]
    public async Task A_users_token_of_a_kind_that_no_setting_admits_reaches_nothing(string claim, string value, string code)
    {
        var api = fixture.Api("ES256");
        await foreach (var (operation, owner, imageId) in EachAsync(api))
        {
            var before = await StateAsync(api, operation, imageId);
            foreach (var answer in await SendAsync(api, operation, imageId, owner, GuardedService.Bearer(fixture.Issuer.Token("ES256", owner, (claim, JsonNode.Parse(value))))))
                Assert.Equal((operation.Id, operation.IsProtected ? 403 : TakesToken(operation) ? 404 : 200), (operation.Id, answer.Status));
            if (operation.IsProtected) Assert.True(Declares(operation, code), operation.Id);
            Assert.Equal(before, await StateAsync(api, operation, imageId));
        }
    }

    [Fact]
    public async Task Where_users_may_not_save_they_may_do_all_the_rest()
    {
        await using var service = await GuardedService.StartAsync(
            fixture.Database.ConnectionString, GuardedService.Keys, $"SUPABASE_URL={fixture.Issuer.Url}", $"SUPABASE_JWT_SECRET={TestIssuer.Secret}");
        var (api, refused) = (service.Api, 0);
        await foreach (var (operation, owner, imageId) in EachAsync(api))
        {
            var before = await StateAsync(api, operation, imageId);
            foreach (var answer in await SendAsync(api, operation, imageId, owner, GuardedService.Bearer(fixture.Issuer.Token("HS256", owner))))
                Assert.Contains((operation.Id, answer.Status), Allowed(operation, !operation.IsProtected || (!Declares(operation, "forbidden_save") && operation.AllowedTo.Any(caller => caller is "owner" or "users"))));
            if (!Declares(operation, "forbidden_save")) continue;
            Assert.Equal(before, await StateAsync(api, operation, imageId));
            refused++;
        }

        Assert.Equal(2, refused);
    }

    [Theory]
    [InlineData("Authorization", "Bearer ")]
    [InlineData("Authorization", "bEARER  ")]
    [InlineData("x-api-key", "")]
    public async Task A_service_key_may_do_with_anyones_what_the_document_allows(string header, string prefix)
    {
        var api = fixture.Api("HS256");
        await foreach (var (operation, owner, imageId) in EachAsync(api))
            foreach (var answer in await SendAsync(api, operation, imageId, owner, (header, prefix + GuardedService.Key)))
                Assert.Contains((operation.Id, answer.Status), Allowed(operation, !operation.IsProtected || operation.AllowedTo.Contains("service_keys")));
    }

    [Fact]
    public async Task Each_operation_that_asks_for_credentials_declares_the_refusal_the_ways_in_and_who_may_call_it()
    {
        var text = (await fixture.Api("HS256").GetAsync("/openapi/v1.json")).Text;

        Assert.Equal(["bearer", "key"], JsonNode.Parse(text)!["components"]!["securitySchemes"]!.AsObject().Select(scheme => scheme.Key));
        foreach (var operation in new ApiDocument(text).Operations)
        {
            Assert.Equal((operation.Id, operation.Path.StartsWith("/v1/", StringComparison.Ordinal) && !TakesToken(operation)), (operation.Id, operation.IsProtected));
            Assert.Equal((operation.Id, operation.IsProtected), (operation.Id, operation.Responses.ContainsKey(401)));
            Assert.Equal((operation.Id, operation.IsProtected), (operation.Id, operation.AllowedTo.Count > 0));
            if (TakesUserId(operation)) Assert.Contains(403, operation.Responses.Keys);
        }
    }

    /// <summary>The answers that a caller may have who is allowed to call the operation, or is not.</summary>
    private static IEnumerable<(string, int)> Allowed(Operation operation, bool isAllowed) =>
        TakesToken(operation) ? [(operation.Id, 404)] : isAllowed ? operation.Responses.Keys.Where(status => status < 300).Select(status => (operation.Id, status)) : [(operation.Id, 403)];

    /// <summary>The answers of a user who does not own what the operation is about.</summary>
    private static IEnumerable<(string, int)> ToOthers(Operation operation) => operation.AllowedTo.Contains("owner")
        ? [(operation.Id, operation.In("path").Any() ? 404 : 409)]
        : Allowed(operation, !operation.IsProtected || operation.AllowedTo.Contains("users"));

    /// <summary>Whether a token in the path is what lets a caller in. No caller here has it.</summary>
    private static bool TakesToken(Operation operation) => operation.In("path").Any(parameter => parameter.Name == "token");

    private static bool Declares(Operation operation, string code) =>
        operation.Responses.TryGetValue(403, out var response) && response.Schema.GetRawText().Contains($"\"{code}\"", StringComparison.Ordinal);

    private static bool TakesUserId(Operation operation) =>
        operation.In("query").Any(parameter => parameter.Name == "user_id") || operation.Body?.Example is { } example && example.TryGetProperty("user_id", out _);

    /// <summary>Each operation of the document, and a new thing of a new user to try it on.</summary>
    private static async IAsyncEnumerable<(Operation Operation, string Owner, Guid Id)> EachAsync(Api api)
    {
        var document = await DocumentAsync(api);
        foreach (var operation in document.Operations)
        {
            var (owner, id) = ($"owner_{Guid.NewGuid():N}", Guid.NewGuid());
            if (document.FindCreator(operation) is { } creator)
                Assert.Equal(201, (await api.SendAsync(HttpMethod.Post, creator.Path, Body(creator, id, owner), ("X-API-Key", GuardedService.Key))).Status);
            yield return (operation, owner, id);
        }
    }

    /// <summary>Sends the operation as the document describes it, and where that is GET, HEAD too.</summary>
    /// <param name="userId">Sent where the operation takes one; null sends none.</param>
    private static async Task<IReadOnlyList<Answer>> SendAsync(Api api, Operation operation, Guid id, string? userId, params (string Name, string Value)[] headers)
    {
        var path = (await DocumentAsync(api)).Fill(operation, id);
        if (operation.In("query").Any(parameter => parameter.Name == "user_id") && userId is not null) path += $"?user_id={userId}";
        foreach (var required in operation.In("query").Where(parameter => parameter is { Required: true, Name: not "user_id" })) path += $"?{required.Name}={(required.Name == "period" ? ApiDocument.AnyMonth : ApiDocument.AnyText)}";   // repeats the path's, as a confirmation
        if (operation.Method == "GET" && operation.In("header").Any(parameter => parameter.Name == "If-None-Match")) headers = [.. headers, ("If-None-Match", "\"1-0\"")];

        var answer = await api.SendAsync(new HttpMethod(operation.Method), path, operation.Body is null ? null : Body(operation, id, userId), headers);
        return operation.Method == "GET" ? [answer, await api.SendAsync(HttpMethod.Head, path, null, headers)] : [answer];
    }

    /// <summary>The document's example, of this thing and this user.</summary>
    private static StringContent Body(Operation operation, Guid id, string? userId)
    {
        var body = JsonNode.Parse(Uuid().Replace(operation.Body!.Example!.Value.GetRawText(), id.ToString()))!.AsObject();
        foreach (var one in body.Select(member => member.Value).OfType<JsonArray>().SelectMany(items => items).OfType<JsonObject>().Append(body).ToList())
        {
            if (one.ContainsKey("refined_prompt")) one["refined_prompt"] = Prompt;
            if (userId is null) one.Remove("user_id");
            else if (one.ContainsKey("user_id")) one["user_id"] = userId;
        }

        return new StringContent(body.ToJsonString(), Encoding.UTF8, operation.Body!.MediaType);
    }

    /// <summary>What a service key sees of the thing that the operation is about.</summary>
    private static async Task<(int, string, string?)> StateAsync(Api api, Operation operation, Guid id)
    {
        var document = await DocumentAsync(api);
        if (document.FindCreator(operation) is not { } creator) return default;
        var answer = await api.GetAsync(document.Fill(document.FindItem(creator, "GET")!, id), ("X-API-Key", GuardedService.Key));
        return (answer.Status, answer.Status == 200 ? answer.Text : "", answer.ETag);
    }

    private static async Task<ApiDocument> DocumentAsync(Api api) => Documents.TryGetValue(api, out var known)
        ? known
        : Documents.GetOrAdd(api, new ApiDocument((await api.GetAsync("/openapi/v1.json")).Text));

    private static byte[] PublicKey(TestIssuer issuer, string algorithm) =>
        algorithm == "RS256" ? issuer.RsaKey.ExportSubjectPublicKeyInfo() : issuer.EcKey.ExportSubjectPublicKeyInfo();

    private static byte[] PublicKeyPem(TestIssuer issuer, string algorithm) =>
        Encoding.ASCII.GetBytes(algorithm == "RS256" ? issuer.RsaKey.ExportSubjectPublicKeyInfoPem() : issuer.EcKey.ExportSubjectPublicKeyInfoPem());

    private static byte[] HMACSHA384Of(byte[] text) => HMACSHA384.HashData(Encoding.UTF8.GetBytes(TestIssuer.Secret), text);

    private static Func<byte[], byte[]> Forger(string algorithm) => algorithm switch
    {
        "ES256" => text => ForgersEcKey.SignData(text, HashAlgorithmName.SHA256),
        "RS256" => text => ForgersRsaKey.SignData(text, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1),
        _ => TestIssuer.Hmac(RandomNumberGenerator.GetBytes(32)),
    };

    private static string Tamper(TestIssuer issuer, string algorithm, string user)
    {
        var good = issuer.Token(algorithm, user).Split('.');
        var forged = TestIssuer.Sign(algorithm, issuer.Payload(user, ("role", "service_role")), issuer.KeyId(algorithm), _ => []).Split('.');
        return $"{good[0]}.{forged[1]}.{good[2]}";
    }

    [GeneratedRegex("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", RegexOptions.ExplicitCapture)]
    private static partial Regex Uuid();
}
