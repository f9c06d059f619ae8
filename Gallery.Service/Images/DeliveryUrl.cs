namespace Gallery.Service.Images;

/// <summary>
/// Where the transformations of a stored URL are, and what they do. <see cref="CloudinaryUrl"/> has accepted the URL, and reads it more thoroughly. This runs for
/// each image of an answer, so it allocates nothing for usual URLs. If a URL has two readings, the place is not certain.
/// </summary>
internal ref struct DeliveryUrl
{
    private readonly ReadOnlySpan<char> _url;   // without query and fragment
    private int _at;                            // where the segment begins that is read next
    private bool _isCertain = true;
    private bool _isRestricted;                 // authenticated or signed. Of a private image only the original needs a signature
    private bool _hasSuffix;                    // the SEO form: a segment follows the public ID

    private DeliveryUrl(ReadOnlySpan<char> url) => _url = url;

    /// <summary>The transformations that the URL has.</summary>
    public Transformations Transformations = new();

    /// <summary>Where a further transformation goes, after those of the URL. -1 if it would need a signature, if the place is not certain, or if <see cref="IsKnown"/> is false.</summary>
    public int Place { get; private set; } = -1;

    /// <summary>Whether the URL certainly has these transformations and no others.</summary>
    public bool IsKnown { get; private set; }

    /// <summary>What follows the last dot. Empty without one.</summary>
    public readonly ReadOnlySpan<char> Extension
    {
        get
        {
            var file = _url[(_url.LastIndexOf('/') + 1)..];
            return file[(file.LastIndexOf('.') is var dot and > 0 ? dot + 1 : file.Length)..];
        }
    }

    private readonly ReadOnlySpan<char> Segment => _url[_at..] is var rest && rest.IndexOf('/') is var length and >= 0 ? rest[..length] : rest;

    private readonly bool IsLast => !_url[_at..].Contains('/');

    public static DeliveryUrl Read(string url)
    {
        var end = url.AsSpan().IndexOfAny('?', '#');
        var read = new DeliveryUrl(end < 0 ? url : url.AsSpan(0, end));
        var host = url.IndexOf("://", StringComparison.Ordinal) + 3;
        var path = host < 3 ? -1 : read._url[host..].IndexOf('/');
        if (path < 0) return read;

        read._at = host + path;
        read.SkipSlashes();
        read.SkipTypes(read._url.Slice(host, path));
        read.AddTransformations();
        return read;
    }

    /// <summary>Skips the cloud name, and the resource and delivery types.</summary>
    private void SkipTypes(ReadOnlySpan<char> host)
    {
        var isShared = IsShared(host);
        if (isShared) Skip();   // the cloud name
        if (TrySkipForm() || IsLast) return;

        if (isShared || NamesCloud(host) || IsVersion(Segment) || IsSignature(Segment) || Transformations.IsComponent(Segment))
        {
            // A root path. Words that Cloudinary may read otherwise are not certain.
            _isCertain = !Segment.Contains('%') && !CloudinaryUrl.DeliveryTypes.GetAlternateLookup<ReadOnlySpan<char>>().Contains(Segment) && Segment is not ("video" or "raw" or "videos" or "files");
            return;
        }

        // A cloud name, or the folder of a root path.
        Skip();
        var isImage = Segment is "image";
        var hasForm = TrySkipForm();
        _isCertain &= hasForm && isImage;
    }

    private bool TrySkipForm()
    {
        switch (Segment)
        {
            case "image":
                Skip();
                _isRestricted = Segment is "authenticated";
                if (_isRestricted || Segment is "upload" or "private") Skip();
                else _isCertain = false;   // a folder
                return true;
            case "iu":
                Skip();
                return true;
            case "images" or "private_images" or "authenticated_images":
                (_hasSuffix, _isRestricted) = (true, Segment is "authenticated_images");
                Skip();
                return true;
            default:
                return false;
        }
    }

    private void AddTransformations()
    {
        for (; !IsLast; Skip())
        {
            var segment = Segment.Contains('%') ? Uri.UnescapeDataString(Segment) : Segment;
            if (segment.Contains('/') && !segment.ContainsAny(':', '!')) return;   // encoded slashes
            if (IsSignature(segment)) _isRestricted = true;
            else if (!IsVersion(segment) && Transformations.IsComponent(segment)) Transformations.Add(segment);
            else break;
        }

        var publicId = _url[_at..];
        _isRestricted |= publicId.Contains("/s--", StringComparison.Ordinal);
        if (!IsLast && IsVersion(Segment)) publicId = publicId[(Segment.Length + 1)..];
        else if (!IsLast && MayTransform(publicId)) return;   // in a way that is not known here
        if ((_hasSuffix && !publicId.Contains('/')) || publicId is [] or [.., '/']) return;

        IsKnown = _isCertain || Transformations.IsEmpty;
        if (_isCertain && !_isRestricted && !Transformations.IsOpen) Place = _at;
    }

    private void Skip()
    {
        _at += Segment.Length;
        SkipSlashes();
    }

    /// <summary>Doubled slashes are read as one.</summary>
    private void SkipSlashes()
    {
        while (_at < _url.Length && _url[_at] == '/') _at++;
    }

    private static bool IsShared(ReadOnlySpan<char> host) =>
        host.StartsWith("res", StringComparison.OrdinalIgnoreCase) && host[3..] is ['.', ..] or ['-', >= '1' and <= '5', '.', ..] && host.Contains(".cloudinary.com", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether it is a private CDN's host, and the path does not repeat its cloud name.</summary>
    private bool NamesCloud(ReadOnlySpan<char> host) =>
        host.EndsWith(".cloudinary.com", StringComparison.OrdinalIgnoreCase) && !host.StartsWith($"{Segment}-res", StringComparison.OrdinalIgnoreCase);

    private static bool IsSignature(ReadOnlySpan<char> segment) => segment.StartsWith("s--");

    private static bool IsVersion(ReadOnlySpan<char> segment) => segment is ['v', _, ..] && !segment[1..].ContainsAnyExceptInRange('0', '9');

    /// <summary>Whether the first segment may be a transformation: it has a comma, or an underscore and a version after it.</summary>
    private static bool MayTransform(ReadOnlySpan<char> publicId)
    {
        var first = publicId[..publicId.IndexOf('/')];
        if (first.Contains(',')) return true;
        if (!first.Contains('_')) return false;
        foreach (var range in publicId.Split('/'))
            if (IsVersion(publicId[range])) return true;
        return false;
    }
}
