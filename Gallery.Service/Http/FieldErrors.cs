namespace Gallery.Service.Http;

/// <summary>The faults of one request's fields, collected so that the caller sees all of them at once.</summary>
internal sealed class FieldErrors
{
    private const string SeveralKinds = "validation_failed";
    private const int MostFields = 16;   // keeps the answer small when a body has many unknown fields
    private const int MostMessages = 16;   // of one field, which each item of a list may add to

    private readonly Dictionary<string, List<string>> _messages = [];
    private string? _code;
    private string? _first;
    private int _count;

    public bool Any => _count > 0;

    /// <summary>Whether the answer names no further field.</summary>
    public bool IsFull => _messages.Count >= MostFields;

    /// <param name="field">The field's name on the wire.</param>
    /// <param name="message">Names the field, what is wrong, and what to send.</param>
    /// <param name="code">The problem's code if the request has no fault of another kind.</param>
    public void Add(string field, string message, string code = SeveralKinds)
    {
        var isFull = _messages.TryGetValue(field, out var messages) && messages.Count == MostMessages;
        if (!isFull && messages?.Contains(message) == true) return;
        _count++;
        _first ??= message;
        _code = _code is null || _code == code ? code : SeveralKinds;
        if (isFull) return;
        if (messages is not null) messages.Add(message);
        else if (_messages.Count < MostFields) _messages[field] = [message];
    }

    /// <summary>Counts a fault that the answer does not name.</summary>
    public void Count() => _count++;

    /// <summary>Adds the faults of an item's fields under the item's place.</summary>
    public void AddOf(string place, FieldErrors item)
    {
        foreach (var (name, messages) in item._messages)
            foreach (var message in messages) Add($"{place}.{name}", $"{place}: {message}");
    }

    /// <summary>The problem of one field alone.</summary>
    public static ProblemResult Of(string field, string message, string code = SeveralKinds)
    {
        var errors = new FieldErrors();
        errors.Add(field, message, code);
        return errors.ToProblem();
    }

    public ProblemResult ToProblem() =>
        new(
            StatusCodes.Status400BadRequest,
            _code!,
            _count switch
            {
                1 => _first!,
                2 => $"{_first} Another fault is in errors.",
                _ when _count > _messages.Sum(field => field.Value.Count) => $"{_first} There are {_count - 1} more faults; errors names some of them.",
                _ => $"{_first} {_count - 1} more faults are in errors.",
            },
            _messages.ToDictionary(field => field.Key, field => field.Value.ToArray()));
}
