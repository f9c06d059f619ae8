using System.Text.Json.Nodes;
using Gallery.Tests.Access;

namespace Gallery.Tests.Page;

/// <summary>The stand-in behaves as Supabase Auth does, called by a page of another origin.</summary>
public sealed class FakeSupabaseTests(SignInService service) : PageTests(service), IClassFixture<SignInService>
{
    private readonly FakeSupabase _supabase = service.Supabase;

    [Fact]
    public async Task A_session_reads_its_own_images_and_each_refresh_token_works_once()
    {
        var user = _supabase.AddUser("ada@example.com");
        var ids = await SeedAsync(3, i => new() { ["user_id"] = i == 1 ? $"{user}" : "someone" });
        var page = await OpenAsync("/livez");
        async Task<JsonNode> CallAsync(string path, string body) => JsonNode.Parse(await page.EvaluateAsync<string>(
            "([url, key, body]) => fetch(url, { method: 'POST', headers: { apikey: key, 'Content-Type': 'application/json' }, body }).then(answer => answer.text())",
            new[] { $"{_supabase.Url}/auth/v1/{path}", FakeSupabase.PublishableKey, body }))!;

        var refused = await CallAsync("token?grant_type=password", """{"email": "ada@example.com", "password": "wrong"}""");
        Assert.Equal("""{"code":400,"error_code":"invalid_credentials","msg":"Invalid login credentials"}""", refused.ToJsonString());

        var session = await CallAsync("token?grant_type=password", """{"email": "ada@example.com", "password": "correct horse"}""");
        Assert.Equal([ids[1]], (await Api.GetAsync("/v1/gallery/", GuardedService.Bearer((string)session["access_token"]!))).Ids);

        var body = $$"""{"refresh_token": "{{session["refresh_token"]}}"}""";
        var renewed = await CallAsync("token?grant_type=refresh_token", body);
        Assert.NotEqual((string)session["access_token"]!, (string)renewed["access_token"]!);
        Assert.Equal("refresh_token_already_used", (string?)(await CallAsync("token?grant_type=refresh_token", body))["error_code"]);
        Assert.Equal((2, 2), (_supabase.Count("password"), _supabase.Count("refresh_token")));

        await CallAsync($"otp?redirect_to={Uri.EscapeDataString($"{Api.Address}livez")}", """{"email": "ada@example.com", "create_user": false, "code_challenge": "x", "code_challenge_method": "s256"}""");
        await page.GotoAsync(_supabase.MagicLink!);
        Assert.Contains("/livez?code=", page.Url, StringComparison.Ordinal);
        Allow("status of 400");
        Allow("favicon.ico");
    }
}
