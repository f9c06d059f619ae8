using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;

namespace Gallery.Tests.Service;

/// <summary>A client of the service that hands out answers as they came.</summary>
public sealed class Api(Uri address) : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = address };

    public Uri Address => address;

    public Task<Answer> GetAsync(string path, params (string Name, string Value)[] headers) => SendAsync(HttpMethod.Get, path, null, headers);

    public Task<Answer> DeleteAsync(string path) => SendAsync(HttpMethod.Delete, path);

    public Task<Answer> PutAsync(string path, params (string Name, string Value)[] headers) => SendAsync(HttpMethod.Put, path, null, headers);

    public Task<Answer> PostAsync(string path, string? json = null, params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Post, path, json is null ? null : new StringContent(json, Encoding.UTF8, "application/json"), headers);

    public Task<Answer> PatchAsync(string path, string json, params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Patch, path, new StringContent(json, Encoding.UTF8, "application/merge-patch+json"), headers);

    /// <summary>Saves an image; what is not given is not sent.</summary>
    public Task<Answer> SaveAsync(Guid imageId, string userId = "user_123", string? refinedPrompt = null, string? intent = null, string? metadata = null, string? imageUrl = null, params string[] tags)
    {
        var body = new JsonObject { ["user_id"] = userId, ["image_url"] = imageUrl ?? UrlOf(imageId) };
        if (refinedPrompt is not null) body["refined_prompt"] = refinedPrompt;
        if (intent is not null) body["intent"] = intent;
        if (metadata is not null) body["metadata"] = JsonNode.Parse(metadata);
        if (tags.Length > 0) body["tags"] = new JsonArray([.. tags.Select(tag => JsonValue.Create(tag))]);
        return PostAsync("/v1/gallery/", body.ToJsonString());
    }

    public async Task<Answer> SendAsync(HttpMethod method, string path, HttpContent? content = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        using var response = await _http.SendAsync(request, TestContext.Current.CancellationToken);
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        return new Answer(response.StatusCode, text, response.Headers, response.Content.Headers);
    }

    public static string UrlOf(Guid imageId) => $"https://res.cloudinary.com/demo/image/upload/{imageId}.jpg";

    public void Dispose() => _http.Dispose();
}

/// <summary>An answer of the service.</summary>
public sealed record Answer(HttpStatusCode Code, string Text, HttpResponseHeaders Headers, HttpContentHeaders ContentHeaders)
{
    public int Status => (int)Code;

    public JsonNode Body => JsonNode.Parse(Text)!;

    /// <summary>The image of a successful answer.</summary>
    public JsonNode Image => Body["data"]!;

    public string? Problem => (string?)Body["code"];

    public string? ETag => Headers.ETag?.ToString();

    public string? Error(string field) => (string?)Body["errors"]?[field]?[0];

    public IReadOnlyList<Guid> Ids => [.. Body["data"]!.AsArray().Select(image => (Guid)image!["image_id"]!)];

    public IReadOnlyList<string> Tags => [.. Image["tags"]!.AsArray().Select(tag => (string)tag!)];

    public string? NextCursor => (string?)Body["pagination"]!["next_cursor"];
}
