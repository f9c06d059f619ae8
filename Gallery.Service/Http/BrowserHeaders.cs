namespace Gallery.Service.Http;

/// <summary>The headers of every answer, failures included, that restrict what other sites' pages can do with it in a browser.</summary>
internal static class BrowserHeaders
{
    public const string NoFrames = "frame-ancestors 'none'";

    public static void Set(IHeaderDictionary headers)
    {
        headers["Cross-Origin-Resource-Policy"] = "same-origin";   // for <img>, <script> and <object>. Requests with CORS ignore it
        headers.ContentSecurityPolicy = NoFrames;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";   // URLs contain ids
    }
}
