//! The webhook fields that Meta sends (contract §5), and which of them hold lists of updates.

/// Fields whose value holds lists (`messages[]`, `statuses[]`, …) rather than one fact.
pub(crate) fn has_lists(field: &str) -> bool {
    matches!(
        field,
        "messages"
            | "smb_message_echoes"
            | "message_echoes"
            | "user_preferences"
            | "user_id_update"
            | "calls"
            | "history"
            | "smb_app_state_sync"
    ) || is_group(field)
}

/// `group_lifecycle_update`, `group_participants_update`, `group_settings_update`, `group_status_update`, …
pub(crate) fn is_group(field: &str) -> bool {
    field.starts_with("group_")
}

/// WhatsApp fields about the account, a number or a template: one fact per change.
pub(crate) fn is_account(field: &str) -> bool {
    matches!(
        field,
        "message_template_status_update"
            | "message_template_quality_update"
            | "message_template_components_update"
            | "template_category_update"
            | "template_correct_category_detection"
            | "phone_number_quality_update"
            | "phone_number_name_update"
            | "business_capability_update"
            | "business_status_update"
            | "business_username_updates"
            | "account_update"
            | "account_alerts"
            | "account_review_update"
            | "account_settings_update"
            | "security"
            | "flows"
            | "automatic_events"
            | "tracking_events"
            | "payment_configuration_update"
            | "partner_solutions"
    )
}

/// Instagram and page fields that come as `changes[]` (contract §10).
pub(crate) fn is_page(field: &str) -> bool {
    matches!(field, "comments" | "live_comments" | "mentions" | "mention" | "story_insights" | "feed")
}
