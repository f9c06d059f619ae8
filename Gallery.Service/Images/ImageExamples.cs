using Gallery.Service.Http;

namespace Gallery.Service.Images;

/// <summary>The examples of the OpenAPI document, as wire records, so that their form cannot drift.</summary>
internal static class ImageExamples
{
    public static readonly Guid ImageId = Guid.Parse("8d76bd3a-053e-4bb5-a2ab-ce147e53f40c");

    private static readonly DateTime Created = new(2026, 1, 15, 10, 30, 0, DateTimeKind.Utc);
    private static readonly DateTime Deleted = Created.AddHours(1);

    public static readonly CreateImageRequest Request = new(
        $"https://res.cloudinary.com/demo/image/upload/{ImageId}.jpg",
        "user_123",
        "A vibrant sunset over mountains",
        "generate",
        """{"model": "gemini-pro", "generation_time": 3.5}""",
        ["style:noir", "favorite"]);

    public static readonly UpdateImageRequest Edit = new(RefinedPrompt: "A quiet sunset over mountains");

    public static readonly Image Live = new(
        ImageId, Request.UserId!, Request.ImageUrl, Delivery.Of(Request.ImageUrl, "{}").ThumbnailUrl, null, null, "jpg", Request.RefinedPrompt, Request.Intent, Request.Metadata!, Request.Tags!, Created, Created, null, null, 1);

    public static readonly Image Edited = Live with { RefinedPrompt = Edit.RefinedPrompt, UpdatedAt = Created.AddMinutes(15), Revision = 2 };

    public static readonly Image Tagged = Live with { Tags = [.. Live.Tags, "sunset"], UpdatedAt = Created.AddMinutes(15), Revision = 2 };

    public static readonly Image InTrash = Live with { UpdatedAt = Deleted, DeletedAt = Deleted, PurgeAt = Deleted.AddDays(30), Revision = 2 };

    public static readonly Image Restored = Live with { UpdatedAt = Deleted.AddHours(1), Revision = 3 };

    /// <summary>One failure for each reason to reject an image_url.</summary>
    public static readonly ProblemResult[] BadUrls =
    [
        .. new[]
        {
            "https://res.cloudinary.com/demo/image/upload/cat.png",
            $"https://res.cloudinary.com/demo/image/upload/{ImageId}_{ImageId}.png",
            $"https://res.cloudinary.com/demo/image/upload/{Guid.Empty}.png",
            $"https://example.com/{ImageId}.png",
            $"https://res.cloudinary.com/another/image/upload/{ImageId}.png",
            "cat.png",
            $"https://res.cloudinary.com/demo/video/upload/{ImageId}.mp4",
            $"https://res.cloudinary.com/demo/image/facebook/{ImageId}.png",
        }.Select(ToProblem),
    ];

    private static ProblemResult ToProblem(string url)
    {
        var refusal = CloudinaryUrl.Parse(url, ImageHosts.Parse(null, clouds: "demo")).Error!;
        return FieldErrors.Of("image_url", refusal.Message, refusal.Code);
    }

    public static SavedImage Saved(string outcome, string message) => new(true, Live, outcome, [], message);

    public static PageEnvelope<Image> Page(Image image, string message) => Envelope.Of<Image>([image], message, new Pagination(PageQuery.DefaultLimit, null));
}
