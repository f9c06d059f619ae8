using System.Globalization;

namespace Gallery.Service.Images;

/// <summary>What the transformations of a URL do to the picture's size and format, as far as it is certain. Read component after component.</summary>
/// <remarks>Names and effects: cloudinary.com/documentation/transformation_reference. What is not known there changes the size.</remarks>
internal ref struct Transformations
{
    private static readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> Names = CloudinaryUrl.ParameterNames.GetAlternateLookup<ReadOnlySpan<char>>();

    private int _width, _height;
    private bool _hasOtherRatio;   // of device pixels: all sizes are multiplied

    public Transformations() => (KeepSize, KeepFormat) = (true, true);

    /// <summary>Whether there is none.</summary>
    public bool IsEmpty { get; private set; } = true;

    /// <summary>Whether the picture has its original size.</summary>
    public bool KeepSize { get; private set; }

    /// <summary>Whether the picture has the format of the file's extension, or without one its original format.</summary>
    public bool KeepFormat { get; private set; }

    /// <summary>Whether a layer or a condition has no end, so that a further component would belong to it.</summary>
    public bool IsOpen { get; private set; }

    /// <summary>The size that they give to the picture; null if it is not certain.</summary>
    public readonly (int Width, int Height)? Size => _width > 0 && !_hasOtherRatio && !IsOpen ? (_width, _height) : null;

    /// <summary>The format that they give to the picture; null if it is not certain, or the client's choice (<c>f_auto</c>).</summary>
    public string? Format { get; private set; }

    /// <summary>Whether a segment is one component: parameters separated by commas, a variable, or a parameter with a colon.</summary>
    public static bool IsComponent(ReadOnlySpan<char> segment)
    {
        if (segment is ['$', ..]) return true;
        var isFirst = true;
        foreach (var range in segment.Split(','))
        {
            var parameter = segment[range];
            if (parameter is not ['$', ..] && !TryRead(parameter, out _, out _)) return false;
            if (isFirst && segment.IndexOfAny(':', '!') > 0) return true;   // a layer's text may contain commas
            isFirst = false;
        }

        return true;
    }

    public void Add(ReadOnlySpan<char> component)
    {
        IsEmpty = false;
        var (width, height, isSized, changesSize, changesFormat, isLayer, closes) = (0, 0, false, false, false, false, false);
        ReadOnlySpan<char> crop = "scale", format = default;
        foreach (var range in component.Split(','))
        {
            if (!TryRead(component[range], out var name, out var value))
            {
                changesSize = true;
                continue;
            }

            switch (name)
            {
                case "w" or "h":
                    isSized = true;
                    if (!int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var pixels)) changesSize = true;   // a share of the original's
                    else if (name is "w") width = pixels;
                    else height = pixels;
                    break;
                case "c":
                    isSized = true;
                    crop = value;
                    break;
                case "f":
                    format = value;
                    break;
                case "q" or "g" or "o" or "co" or "cs" or "d" or "dn" or "b" or "r" or "x" or "y" or "z":
                    break;
                case "dpr":
                    _hasOtherRatio |= value is not ("1" or "1.0");
                    break;
                case "fl" when value is "progressive" or "lossy" or "attachment" or "strip_profile" or "force_strip" or "keep_iptc" or "immutable_cache":
                    break;
                case "fl" when value is "layer_apply":
                    closes = true;
                    break;
                case "l" or "u":
                    (isLayer, changesSize) = (true, true);   // a large layer extends the picture
                    break;
                case "if":
                    (isLayer, closes) = (component.Length == range.End.Value && range.Start.Value == 0 && value is not "end", value is "end");
                    (changesSize, changesFormat) = (true, true);
                    break;
                case "t" or "fl":
                    (changesSize, changesFormat) = (true, true);
                    break;
                default:
                    changesSize = true;
                    break;
            }
        }

        var isExact = !changesSize && width > 0 && height > 0 && crop is "scale" or "fill" or "fill_pad" or "pad" or "lpad" or "crop" or "thumb" or "auto" or "auto_pad";
        if (isSized || changesSize) (KeepSize, _width, _height) = (false, isExact && !IsOpen ? width : 0, height);
        if (changesFormat || format.Length > 0) (KeepFormat, Format) = (false, changesFormat || IsOpen || isLayer ? null : ImageFormats.Find(format));
        IsOpen = (IsOpen || isLayer) && !closes;
    }

    private static bool TryRead(ReadOnlySpan<char> parameter, out ReadOnlySpan<char> name, out ReadOnlySpan<char> value)
    {
        var end = parameter.IndexOf('_');
        name = parameter[..Math.Max(end, 0)];
        value = parameter[(end + 1)..];
        return value.Length > 0 && Names.Contains(name);
    }
}
