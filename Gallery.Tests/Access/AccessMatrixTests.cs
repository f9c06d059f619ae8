using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Gallery.Tests.Reliability;
using Gallery.Tests.Service;

namespace Gallery.Tests.Access;

/// <summary>Every operation of the OpenAPI document that the service serves, by every kind of caller.</summary>
public sealed class AccessMatrixTests(AccessFixture fixture) : IClassFixture<AccessFixture>
{
    private const string Prompt = "a prompt that is the owner's alone";

    private static readonly ECDsa ForgersEcKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private static readonly RSA ForgersRsaKey = RSA.Create(2048);
    private static readonly string[] Algorithms = ["HS256", "ES256", "RS256"];

    /// <summary>What those are answered whose credentials are good. An operation that is not here fails the tests: say who may do it.</summary>
    private static readonly Dictionary<string, (int Owner, int Other)> Expected = new()
    {
        ["FindLiveness"] = (200, 200),
        ["FindReadiness"] = (200, 200),
        ["ListImages"] = (200, 200),          // each their own
        ["ListDeletedImages"] = (200, 200),
        ["CreateImage"] = (200, 409),
        ["FindImage"] = (200, 404),
        ["SoftDeleteImage"] = (200, 404),
        ["RestoreImage"] = (200, 404),
        ["PurgeImage"] = (200, 404),
    };

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
            var before = await RowAsync(imageId);
            foreach (var answer in await SendAsync(api, operation, imageId, owner, credential is { } header ? [header] : []))
            {
                Assert.Equal((operation.Id, operation.IsProtected ? 401 : 200), (operation.Id, answer.Status));
                if (operation.IsProtected) refused++;
                Assert.Equal(operation.IsProtected, answer.Headers.WwwAuthenticate.Count == 1);
                Assert.DoesNotContain(Prompt, answer.Text, StringComparison.Ordinal);
                Assert.Null(answer.ETag);
                if (operation.IsProtected)
                    Assert.Equal(
                        stranger is not ("no key" or "another scheme" or "an empty token"),
                        answer.Headers.WwwAuthenticate.Single().Parameter!.Contains("error=\"invalid_token\"", StringComparison.Ordinal));
            }

            Assert.Equal(before, await RowAsync(imageId));
        }

        Figures.Add($"access: refused, {algorithm}", stranger, refused);
    }

    [Theory]
    [InlineData("HS256")]
    [InlineData("ES256")]
    [InlineData("RS256")]
    public async Task An_owner_may_do_everything_with_their_own(string algorithm)
    {
        var api = fixture.Api(algorithm);
        await foreach (var (operation, owner, imageId) in EachAsync(api))
            foreach (var answer in await SendAsync(api, operation, imageId, owner, GuardedService.Bearer(fixture.Issuer.Token(algorithm, owner))))
                Assert.Equal((operation.Id, Expected[operation.Id].Owner), (operation.Id, answer.Status));
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
            var before = await RowAsync(imageId);
            var other = GuardedService.Bearer(fixture.Issuer.Token(algorithm, $"other_{Guid.NewGuid():N}", ("role", "service_role")));   // its role is no right
            foreach (var answer in await SendAsync(api, operation, imageId, userId: null, other))
            {
                Assert.Equal((operation.Id, Expected[operation.Id].Other), (operation.Id, answer.Status));
                Assert.DoesNotContain(Prompt, answer.Text, StringComparison.Ordinal);
                Assert.Null(answer.ETag);
            }

            if (operation.TakesUserId)
                foreach (var answer in await SendAsync(api, operation, imageId, owner, other))
                    Assert.Equal((operation.Id, 403), (operation.Id, answer.Status));
            Assert.Equal(before, await RowAsync(imageId));
        }
    }

    [Theory]
    [InlineData("Authorization", "Bearer ")]
    [InlineData("Authorization", "bEARER  ")]
    [InlineData("x-api-key", "")]
    public async Task A_service_key_may_do_everything_with_anyones(string header, string prefix)
    {
        var api = fixture.Api("HS256");
        await foreach (var (operation, owner, imageId) in EachAsync(api))
            foreach (var answer in await SendAsync(api, operation, imageId, owner, (header, prefix + GuardedService.Key)))
                Assert.Equal((operation.Id, Expected[operation.Id].Owner), (operation.Id, answer.Status));
    }

    [Fact]
    public async Task Each_operation_that_asks_for_credentials_declares_the_refusal_and_the_ways_in()
    {
        var document = (await fixture.Api("HS256").GetAsync("/openapi/v1.json")).Body;

        Assert.Equal(["bearer", "key"], document["components"]!["securitySchemes"]!.AsObject().Select(scheme => scheme.Key));
        foreach (var operation in await OperationsAsync(fixture.Api("HS256")))
        {
            Assert.Equal(operation.Path.StartsWith("/v1/", StringComparison.Ordinal), operation.IsProtected);
            Assert.Equal(operation.IsProtected, operation.Node["responses"]!["401"] is not null);
            Assert.Equal(operation.TakesUserId || operation.Id == "PurgeImage", operation.Node["responses"]!["403"] is not null);
        }
    }

    private sealed record Operation(string Id, string Method, string Path, JsonNode Node)
    {
        public bool IsProtected => Node["security"] is not null;

        public bool TakesUserId => Node["requestBody"] is not null || Parameters.Contains("user_id");

        public IEnumerable<string> Parameters => Node["parameters"]?.AsArray().Select(parameter => (string)parameter!["name"]!) ?? [];
    }

    private static async Task<IReadOnlyList<Operation>> OperationsAsync(Api api)
    {
        var paths = (await api.GetAsync("/openapi/v1.json")).Body["paths"]!.AsObject();
        var operations = paths.SelectMany(path => path.Value!.AsObject().Select(operation => new Operation((string)operation.Value!["operationId"]!, operation.Key, path.Key, operation.Value))).ToList();
        Assert.Equal(Expected.Keys.Order(), operations.Select(operation => operation.Id).Order());
        return operations;
    }

    /// <summary>Each operation, with an image of a user of its own to try it on.</summary>
    private static async IAsyncEnumerable<(Operation Operation, string Owner, Guid ImageId)> EachAsync(Api api)
    {
        foreach (var operation in await OperationsAsync(api))
        {
            var (owner, imageId) = ($"owner_{Guid.NewGuid():N}", Guid.NewGuid());
            var body = new JsonObject { ["user_id"] = owner, ["image_url"] = Api.UrlOf(imageId), ["refined_prompt"] = Prompt };
            using var content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
            Assert.Equal(201, (await api.SendAsync(HttpMethod.Post, "/v1/gallery/", content, ("X-API-Key", GuardedService.Key))).Status);
            yield return (operation, owner, imageId);
        }
    }

    /// <summary>Sends the operation as the document describes it, and where that is GET, HEAD too.</summary>
    /// <param name="userId">Sent where the operation takes one; null sends none.</param>
    private static async Task<IReadOnlyList<Answer>> SendAsync(Api api, Operation operation, Guid imageId, string? userId, params (string Name, string Value)[] headers)
    {
        var path = operation.Path.Replace("{imageId}", imageId.ToString(), StringComparison.Ordinal);
        if (operation.Parameters.Contains("user_id") && userId is not null) path += $"?user_id={userId}";
        if (operation.Parameters.Contains("If-None-Match")) headers = [.. headers, ("If-None-Match", "\"1-0\"")];

        StringContent? body = null;
        if (operation.Node["requestBody"] is { } request)
        {
            var example = request["content"]!["application/json"]!["example"]!.DeepClone().AsObject();
            example["image_url"] = Api.UrlOf(imageId);
            if (userId is null) example.Remove("user_id");
            else example["user_id"] = userId;
            body = new StringContent(example.ToJsonString(), Encoding.UTF8, "application/json");
        }

        var answer = await api.SendAsync(new HttpMethod(operation.Method.ToUpperInvariant()), path, body, headers);
        return operation.Method == "get" ? [answer, await api.SendAsync(HttpMethod.Head, path, null, headers)] : [answer];
    }

    private Task<string?> RowAsync(Guid imageId) =>
        fixture.Database.FindAsync<string>("select to_jsonb(i)::text from gallery.image as i where i.image_id = @imageId", new { imageId });

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
}
