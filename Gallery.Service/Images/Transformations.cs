using System.Globalization;

namespace Gallery.Service.Images;

/// <summary>What the transformations of a URL do to the picture's size and format, as far as it is certain. Read component after component.</summary>
/// <remarks>Names and effects: cloudinary.com/documentation/transformation_reference. What is not known there changes the size.</remarks>
internal ref struct Transformations
{
    private static readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> Names = CloudinaryUrl.ParameterNames.GetAlternateLookup<ReadOnlySpan<char>>();

    private int _width, _height;
    private int _layers, _conditions;   // that have no end yet
    private bool _hasOtherRatio;   // of device pixels: all sizes are multiplied

    public Transformations() => (KeepSize, KeepFormat) = (true, true);

    /// <summary>Whether there is none.</summary>
    public bool IsEmpty { get; private set; } = true;

    /// <summary>Whether the picture has its original size.</summary>
    public bool KeepSize { get; private set; }

    /// <summary>Whether the picture has the format of the file's extension, or without one its original format.</summary>
    public bool KeepFormat { get; private set; }

    /// <summary>Whether a layer or a condition has no end, so that a further component would belong to it.</summary>
    public readonly bool IsOpen => _layers + _conditions > 0;

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
        var (width, height, isSized, changesSize, changesFormat) = (0, 0, false, false, false);
        var (isConditional, layers, conditions) = (IsOpen, 0, 0);   // a layer's parameters are not the picture's either
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
                case "fl":
                    foreach (var flag in value.Split('.'))
                        if (value[flag] is "layer_apply") layers--;
                        else if (value[flag] is not ("progressive" or "lossy" or "attachment" or "strip_profile" or "force_strip" or "keep_iptc" or "immutable_cache")) (changesSize, changesFormat) = (true, true);
                    break;
                case "l" or "u":
                    changesSize = true;   // a large layer extends the picture
                    layers++;
                    break;
                case "if":
                    (changesSize, isConditional) = (true, true);
                    if (value is "end") conditions--;
                    else if (value is not "else" && component.Length == value.Length + "if_".Length) conditions++;   // with more in its component it has no end
                    break;
                case "t":
                    (changesSize, changesFormat) = (true, true);
                    break;
                default:
                    changesSize = true;
                    break;
            }
        }

        var isExact = !changesSize && width > 0 && height > 0 && crop is "scale" or "fill" or "fill_pad" or "pad" or "lpad" or "crop" or "thumb" or "auto" or "auto_pad";
        if (isSized || changesSize) (KeepSize, _width, _height) = (false, isExact && !isConditional ? width : 0, height);
        if (changesFormat || format.Length > 0) (KeepFormat, Format) = (false, changesFormat || isConditional || layers > 0 ? null : ImageFormats.Find(format));
        (_layers, _conditions) = (Math.Max(0, _layers + layers), Math.Max(0, _conditions + conditions));
    }

    private static bool TryRead(ReadOnlySpan<char> parameter, out ReadOnlySpan<char> name, out ReadOnlySpan<char> value)
    {
        var end = parameter.IndexOf('_');
        name = parameter[..Math.Max(end, 0)];
        value = parameter[(end + 1)..];
        return value.Length > 0 && Names.Contains(name);
    }
}
