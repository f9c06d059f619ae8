using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Gallery.Service.Page.Demo;

/// <summary>An invented image. Everything follows from its UUID, so its picture and its prompt agree.</summary>
internal sealed class DemoImage
{
    public const int Count = 300;

    /// <summary>How many of them are in the trash.</summary>
    public const int InTrash = Count / EachInTrash;

    private const int EachInTrash = 25;
    private static readonly TimeSpan Span = TimeSpan.FromDays(364);

    private static readonly (string Words, string? Tag)[] Styles =
    [
        ("watercolor on rough paper", "style:watercolor"), ("loose watercolor, visible brush strokes", "style:watercolor"), ("flat vector illustration", "style:vector"), ("risograph print, two inks", "style:print"),
        ("oil on canvas, thick paint", "style:oil"), ("35 mm photograph, shallow depth of field", "style:photo"), ("long exposure, tripod, f/11", "style:photo"), ("layered paper art", null), ("travel poster", "style:print"), ("highly detailed, 8k", null),
    ];

    private static readonly (int Width, int Height)[] Sizes = [(1024, 1024), (1536, 1024), (1024, 1536)];
    private static readonly string[] Intents = ["generate", "generate", "generate", "generate", "generate", "variation", "variation", "edit", "edit", "upscale"];
    private static readonly string[] Users = ["mira", "mira", "mira", "mira", "jonas", "jonas", "jonas", "ada", "ada"];
    private static readonly string[] Models = ["gemini-3-pro-image", "flux-1.1-pro", "imagen-4", "sdxl-1.0", "gpt-image-1"];

    private readonly byte[] _chances;   // one for each choice below, the same each time
    private readonly DemoScene _scene;
    private readonly DemoPalette _palette;
    private readonly (int Width, int Height) _size;
    private readonly (string Words, string? Tag) _style;

    public DemoImage(Guid id)
    {
        Id = id;
        _chances = SHA256.HashData(id.ToByteArray(bigEndian: true));
        _scene = Pick(DemoScene.All, 0);
        _palette = Pick(DemoPalette.All, 1);
        _size = Pick(Sizes, 2);
        _style = Pick(Styles, 3);
    }

    public Guid Id { get; }

    /// <summary>The images of the command, which are the same each time.</summary>
    public static IEnumerable<DemoImage> All => Enumerable.Range(0, Count).Select(number => new DemoImage(new Guid(SHA256.HashData(Encoding.UTF8.GetBytes($"gallery demo {number}")).AsSpan(0, 16), bigEndian: true)));

    /// <summary>Null for a few, as in real galleries.</summary>
    public string? Prompt => _chances[4] switch
    {
        < 8 => null,
        < 40 => Pick(_scene.Whole, 5),
        < 90 => $"{Pick(_scene.Subjects, 5)} {Pick(_palette.Words, 6)}",
        < 150 => $"{Pick(_scene.Subjects, 5)}, {_style.Words}. The scene is {Pick(_palette.Words, 6)}.",
        _ => $"{Pick(_scene.Subjects, 5)} {Pick(_palette.Words, 6)}, {_style.Words}",
    };

    /// <summary>The picture as SVG, of at most some thousand shapes.</summary>
    public string Draw()
    {
        var canvas = new DemoCanvas(_size.Width, _size.Height, _palette, new Random(BinaryPrimitives.ReadInt32LittleEndian(_chances.AsSpan(28))));
        _scene.Draw(canvas);
        return canvas.ToString();
    }

    /// <summary>The image as a line of an import.</summary>
    /// <param name="number">0 is the newest.</param>
    /// <param name="now">UTC. The images are spread over the year before, more of them in the last months.</param>
    public string Line(int number, DateTime now)
    {
        var createdAt = now - TimeSpan.FromMinutes(5) - (Span * Math.Pow((double)number / Count, 1.6));
        var line = new JsonObject
        {
            ["user_id"] = Pick(Users, 7),
            ["image_url"] = $"https://res.cloudinary.com/gallery-demo/image/upload/v1/{Id}.svg",
            ["intent"] = Pick(Intents, 8),
            ["metadata"] = Metadata(number),
            ["tags"] = new JsonArray([.. Tags().Select(tag => (JsonNode)tag)]),
            ["created_at"] = createdAt.ToString("O", CultureInfo.InvariantCulture),
        };
        if (Prompt is { } prompt) line["refined_prompt"] = prompt;
        if (number % EachInTrash == 20) line["deleted_at"] = (now - ((now - createdAt) * 0.08)).ToString("O", CultureInfo.InvariantCulture);
        return line.ToJsonString();
    }

    private IEnumerable<string> Tags()
    {
        if (_chances[9] < 35) yield break;
        foreach (var tag in _scene.Tags) yield return tag;
        if (_chances[4] >= 90 && _style.Tag is { } style) yield return style;   // the prompt names the style
        if (_palette.IsNight) yield return "night";
        if (_chances[10] < 35) yield return "favorite";
        if (_size.Width > _size.Height && _chances[11] < 90) yield return "wallpaper";
    }

    private JsonObject Metadata(int number) => new()
    {
        ["model"] = Pick(Models, 12),
        ["session_id"] = $"session_{number / 4:D4}",
        ["seed"] = BinaryPrimitives.ReadUInt32LittleEndian(_chances.AsSpan(24)),
        ["options"] = new JsonObject { ["steps"] = 20 + (5 * (_chances[13] % 7)), ["guidance"] = 3 + (0.5 * (_chances[14] % 12)) },
        ["width"] = _size.Width,
        ["height"] = _size.Height,
        ["status"] = "completed",
    };

    private T Pick<T>(T[] choices, int chance) => choices[_chances[chance] % choices.Length];
}
