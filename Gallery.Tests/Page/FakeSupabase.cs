using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Gallery.Tests.Access;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Gallery.Tests.Page;

/// <summary>Supabase Auth, as far as a page uses it: passwords, magic links, sessions that are refreshed and end.</summary>
internal sealed class FakeSupabase : IAsyncDisposable
{
    public const string PublishableKey = "sb_publishable_of_the_tests";

    private readonly ConcurrentDictionary<string, (string Password, Guid Id)> _users = new();
    private readonly ConcurrentDictionary<string, string> _sessions = new();   // e-mail by refresh token
    private readonly ConcurrentDictionary<string, bool> _used = new();         // refresh tokens that were exchanged
    private readonly ConcurrentDictionary<string, string> _challenges = new(); // of the last link, by e-mail
    private readonly ConcurrentDictionary<string, (string Email, string Challenge)> _codes = new();
    private readonly ConcurrentQueue<string> _calls = new();
    private TestIssuer _issuer = null!;

    /// <summary>What SUPABASE_URL names.</summary>
    public string Url => _issuer.Url;

    /// <summary>How long the next tokens are valid.</summary>
    public TimeSpan Lifetime { get; set; } = TimeSpan.FromHours(1);

    /// <summary>Answers every call with 503.</summary>
    public bool IsDown { get; set; }

    /// <summary>The link in the last e-mail; null if none was sent.</summary>
    public string? MagicLink { get; private set; }

    public static async Task<FakeSupabase> StartAsync()
    {
        var supabase = new FakeSupabase();
        supabase._issuer = await TestIssuer.StartAsync(supabase.Map);
        return supabase;
    }

    /// <summary>Returns the user's id, which is the <c>sub</c> of their tokens.</summary>
    public Guid AddUser(string email, string password = "correct horse") => _users.GetOrAdd(email, _ => (password, Guid.NewGuid())).Id;

    /// <summary>How many calls of this kind were answered: password, refresh_token, otp, logout.</summary>
    public int Count(string kind) => _calls.Count(call => call == kind);

    /// <summary>From now on, no refresh token works.</summary>
    public void EndSessions() => _sessions.Clear();

    /// <summary>As after the start, but the users stay.</summary>
    public void Reset()
    {
        (Lifetime, IsDown, MagicLink) = (TimeSpan.FromHours(1), false, null);
        _sessions.Clear();
        _calls.Clear();
    }

    public ValueTask DisposeAsync() => _issuer.DisposeAsync();

    private void Map(WebApplication server)
    {
        server.Use(GateAsync);
        server.MapPost("/auth/v1/token", async (HttpContext http, string grant_type) =>
        {
            var body = await ReadAsync(http);
            _calls.Enqueue(grant_type);
            return grant_type switch
            {
                "password" => SignIn((string?)body["email"] ?? "", (string?)body["password"]),
                "refresh_token" => Refresh((string?)body["refresh_token"] ?? ""),
                "pkce" => Exchange((string?)body["auth_code"] ?? "", (string?)body["code_verifier"] ?? ""),
                _ => Error(400, "validation_failed", "unsupported_grant_type"),
            };
        });
        server.MapPost("/auth/v1/otp", async (HttpContext http, string? redirect_to) =>
        {
            var body = await ReadAsync(http);
            _calls.Enqueue("otp");
            var email = (string?)body["email"] ?? "";
            if (!_users.ContainsKey(email)) return Error(422, "otp_disabled", "Signups not allowed for otp");
            _challenges[email] = (string?)body["code_challenge_method"] == "s256" ? (string)body["code_challenge"]! : "";
            MagicLink = $"{Url}/auth/v1/verify?token={Uri.EscapeDataString(email)}&type=magiclink&redirect_to={Uri.EscapeDataString(redirect_to ?? "")}";
            return Results.Json(new JsonObject());
        });
        server.MapGet("/auth/v1/verify", (string token, string redirect_to) =>
        {
            var code = Guid.NewGuid().ToString();
            _codes[code] = (token, _challenges[token]);
            return Results.Redirect($"{redirect_to}?code={code}");
        });
        server.MapPost("/auth/v1/logout", (HttpContext http) =>
        {
            if (IsExpired(http.Request.Headers.Authorization.ToString())) return Error(403, "bad_jwt", "invalid JWT: token is expired");
            _calls.Enqueue("logout");
            _sessions.Clear();
            return Results.NoContent();
        });
    }

    // Supabase's gateway: CORS for every origin, and the publishable key in each call of a page.
    private Task GateAsync(HttpContext http, RequestDelegate next)
    {
        http.Response.Headers.AccessControlAllowOrigin = "*";
        if (HttpMethods.IsOptions(http.Request.Method))
        {
            http.Response.Headers.AccessControlAllowHeaders = "apikey, authorization, content-type, x-client-info, x-supabase-api-version";
            http.Response.Headers.AccessControlAllowMethods = "GET, POST, PUT, PATCH, DELETE";
            return Task.CompletedTask;
        }

        if (IsDown) return Error(503, "unexpected_failure", "Service unavailable").ExecuteAsync(http);
        return HttpMethods.IsGet(http.Request.Method) || http.Request.Headers["apikey"] == PublishableKey
            ? next(http)
            : Results.Json(new JsonObject { ["message"] = "Invalid API key", ["hint"] = "Double check your API key." }, statusCode: 401).ExecuteAsync(http);
    }

    private IResult SignIn(string email, string? password) => _users.TryGetValue(email, out var user) && user.Password == password
        ? Results.Json(NewSession(email))
        : Error(400, "invalid_credentials", "Invalid login credentials");

    private IResult Refresh(string token)
    {
        if (_used.ContainsKey(token)) return Error(400, "refresh_token_already_used", "Invalid Refresh Token: Already Used");
        if (!_sessions.TryRemove(token, out var email)) return Error(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found");
        _used[token] = true;
        return Results.Json(NewSession(email));
    }

    private IResult Exchange(string code, string verifier)
    {
        if (!_codes.TryRemove(code, out var issued)) return Error(404, "flow_state_not_found", "invalid flow state, no valid flow state found");
        return Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier))) == issued.Challenge
            ? Results.Json(NewSession(issued.Email))
            : Error(400, "bad_code_verifier", "code challenge does not match previously saved code verifier");
    }

    private JsonObject NewSession(string email)
    {
        var (id, end) = (_users[email].Id.ToString(), TestIssuer.In((int)Lifetime.TotalSeconds));
        var refresh = Guid.NewGuid().ToString("N");
        _sessions[refresh] = email;
        return new JsonObject
        {
            ["access_token"] = _issuer.Token("ES256", id, ("exp", end), ("email", email), ("jti", refresh)),
            ["token_type"] = "bearer",
            ["expires_in"] = (int)Lifetime.TotalSeconds,
            ["expires_at"] = end,
            ["refresh_token"] = refresh,
            ["user"] = new JsonObject { ["id"] = id, ["aud"] = "authenticated", ["role"] = "authenticated", ["email"] = email },
        };
    }

    private static bool IsExpired(string bearer) =>
        (long)JsonNode.Parse(Base64Url.DecodeFromChars(bearer.Split('.')[1]))!["exp"]! <= DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    private static async Task<JsonObject> ReadAsync(HttpContext http) => (await JsonNode.ParseAsync(http.Request.Body))!.AsObject();

    private static IResult Error(int status, string code, string message) =>
        Results.Json(new JsonObject { ["code"] = status, ["error_code"] = code, ["msg"] = message }, statusCode: status);
}
